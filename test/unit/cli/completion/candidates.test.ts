import { describe, expect, test } from "vitest";
import { findCandidates } from "../../../../src/cli/completion/candidates.js";
import type { Commands } from "../../../../src/cli/completion/typed-line.js";
import { type Command, defineCommand } from "../../../../src/cli/define-command.js";

function registered(summary: string, command: Partial<Command>) {
  const definition = defineCommand({ description: "", examples: [], run: async () => 0, ...command });
  return { summary, load: async () => definition };
}

const server = { name: "SERVER", is: "server" } as const;
const commands: Commands = new Map([
  [
    "token",
    registered("print a token", {
      args: [server],
      options: {
        json: { type: "boolean", help: "as JSON" },
        level: { type: "string", help: "how", values: ["low", "high"] },
      },
    }),
  ],
  [
    "proxy",
    registered("serve", {
      args: [{ ...server, optional: true, many: true }],
      options: { stdio: { type: "string", value: "SERVER", help: "one server" } },
    }),
  ],
  ["run", registered("run a command", { args: [server], passes: "COMMAND" })],
  ["completion", registered("print a script", { args: [{ name: "SHELL", is: "shell" }] })],
  ["settings", registered("of a host", { args: [{ name: "HOST", is: "host" }] })],
  ["discover", registered("look", { args: [{ name: "URL", is: "url" }] })],
  [
    "keys generate",
    registered("make a key", { options: { out: { type: "string", file: true, help: "a file" } } }),
  ],
  ["keys jwks", registered("print keys", {})],
]);

const names: Record<string, readonly string[]> = {
  found: ["crm", "billing"],
  "other.json": ["sales"],
  "odd.json": ["a b", "$(x)", "`x`", "a;b", "*", "-x", "'q", "a\u0007b", "", "ok"],
};

async function words(...typed: readonly string[]) {
  const found = await findCandidates(typed, {
    commands,
    servers: async (config = "found") => names[config] ?? [],
  });
  return found === "files" ? found : found.map(({ word }) => word);
}

describe("words of commands", () => {
  test("without a word, the first words of all commands are offered, each once", async () => {
    const all = ["token", "proxy", "run", "completion", "settings", "discover", "keys"];
    expect(await words("")).toEqual(all);
    expect(await words()).toEqual(all);
    expect(await words("help", "")).toEqual(all);
  });

  test("candidates say what they do", async () => {
    const found = await findCandidates([""], { commands, servers: async () => [] });
    expect(found).toContainEqual({ word: "token", does: "print a token" });
    expect(found).toContainEqual({ word: "keys", does: "generate, jwks" });
  });

  test("only words that begin with what was typed are offered", async () => {
    expect(await words("to")).toEqual(["token"]);
    expect(await words("nonsense")).toEqual([]);
  });

  test("the second word of a command follows the first", async () => {
    expect(await words("keys", "")).toEqual(["generate", "jwks"]);
    expect(await words("help", "keys", "j")).toEqual(["jwks"]);
    expect(await words("nonsense", "")).toEqual([]);
  });
});

describe("options", () => {
  test("the options of a command are offered with those of all commands, each once", async () => {
    expect(await words("token", "-")).toEqual(["--json", "--level", "--config", "--env-file", "--help"]);
    expect(await words("token", "--json", "--config", "x", "--env-file", "y", "-h", "--")).toEqual([
      ...["--level", "--env-file"],
    ]);
    expect(await words("--")).toEqual(["--config", "--env-file", "--help", "--version"]);
    expect(await words("keys", "generate", "--o")).toEqual(["--out"]);
  });

  test("the values of an option are offered after it, and after =", async () => {
    expect(await words("token", "--level", "")).toEqual(["low", "high"]);
    expect(await words("token", "--level=h")).toEqual(["--level=high"]);
    expect(await words("token", "--nonsense=")).toEqual([]);
    expect(await words("proxy", "--stdio", "")).toEqual(["crm", "billing"]);
  });

  test("names of files are left to the shell", async () => {
    expect(await words("--config", "")).toBe("files");
    expect(await words("token", "--env-file=")).toBe("files");
    expect(await words("keys", "generate", "--out", "a")).toBe("files");
  });

  test("options before the command are not taken for it", async () => {
    expect(await words("--config", "other.json", "token", "")).toEqual(["sales"]);
    expect(await words("--level", "low", "--json", "token", "")).toEqual(["crm", "billing"]);
    expect(await words("--level", "low", "tok")).toEqual(["token"]);
  });
});

describe("arguments", () => {
  test("the servers of the config that the line names are offered", async () => {
    expect(await words("token", "")).toEqual(["crm", "billing"]);
    expect(await words("token", "--config=other.json", "")).toEqual(["sales"]);
    expect(await words("token", "--config", "other.json", "s")).toEqual(["sales"]);
  });

  test("servers are offered once, and as many as the command takes", async () => {
    expect(await words("token", "crm", "")).toEqual([]);
    expect(await words("proxy", "crm", "")).toEqual(["billing"]);
  });

  test("names with characters that a shell acts on are left out", async () => {
    expect(await words("token", "--config=odd.json", "")).toEqual(["ok"]);
  });

  test("hosts and shells are offered, and nothing for a URL", async () => {
    expect(await words("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(await words("settings", "vs")).toEqual(["vscode"]);
    expect(await words("discover", "")).toEqual([]);
  });

  test("after the arguments of a command that runs another one comes --, and then names of files", async () => {
    expect(await words("run", "crm", "")).toEqual(["--"]);
    expect(await words("run", "crm", "--", "")).toBe("files");
    expect(await words("run", "crm", "--", "token", "--level", "")).toBe("files");
  });
});

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { snippets } from "../../../support/snippets.js";
import { command, project } from "../command.js";

const root = new URL("../../../../", import.meta.url);
const config = {
  keys: { agent: { privateKey: { file: "./secrets/agent.pem" } } },
  servers: {
    crm: {
      url: "https://crm.example/mcp",
      grant: { client: { issuer: "https://auth.example", id: "agent", key: "agent" } },
    },
  },
};

/** Runs a line of a shell that is a command of ours, with or without `> FILE`, or `mv`. */
async function runLine(line: string, cwd: string): Promise<void> {
  const [text = "", file] = line.replace(/\s+#.*$/, "").split(" > ");
  const [program, ...args] = text.split(" ");
  if (program === "mv") {
    const [from = "", to = ""] = args;
    return await rename(join(cwd, from), join(cwd, to));
  }
  expect([program, args[0]]).toEqual(["npx", "mcp-auth-runtime"]);
  const { code, out } = await command(args.slice(1), { cwd });
  expect({ line, code }).toEqual({ line, code: 0 });
  if (file !== undefined) await writeFile(join(cwd, file), out);
}

test("the commands of docs/rotation.md rotate a key", async () => {
  const [snippet] = snippets(root, "docs/rotation.md").filter(({ mark }) => mark === "keys rotation");
  const lines = snippet?.code.split("\n") ?? [];
  expect(lines).toHaveLength(4);
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
  await mkdir(join(cwd, "secrets"));
  expect((await command(["keys", "generate"], { cwd })).code).toBe(0);
  const published: number[] = [];
  for (const line of lines) {
    await runLine(line, cwd);
    if (line.includes("jwks.json")) {
      published.push(JSON.parse(await readFile(join(cwd, "jwks.json"), "utf8")).keys.length);
    }
  }
  expect(published).toEqual([2, 1]);
});

// The commands, run as separate processes, escape names, paths and arguments that somebody else chose.

import { spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth, McpAuthError } from "../../src/index.js";
import { sendToken, startScriptedIssuer } from "../integration/harness.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** Moves the cursor, reverses text, and contains commands for CI runners. It is a valid file name. */
const hostile = "a\n::error::x\r::y\u001b[31m\u009b2J\u202e\u{e0001}##[error]z ##vso[task.complete]";
/** The form in messages. In quotes a line break is `\n`, and JSON doubles the backslash. */
const shown = /a\\+(?:u000a|n)::error::x/;

/** Returns the parts of a text that a terminal or a CI runner would act on. */
function actedOn(text: string): readonly string[] {
  const lines = text.split("\n");
  return [
    ...(text.match(/(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu) ?? []),
    ...lines.filter((line) => /^\s*::|##[a-z]*\[/i.test(line)),
  ];
}

interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

async function program(
  argv: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  // With `--`, as in the first line of the command. Without it, Node itself would handle `--env-file` and print its
  // value.
  const child = spawn(process.execPath, ["--", cli, ...argv], {
    cwd,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    out += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    err += chunk;
  });
  return await new Promise((resolve) => child.once("close", (code) => resolve({ code, out, err })));
}

/** Creates a folder with the hostile name, where a search for a config ends. */
async function folder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const parent = await temporaryFolder();
  const path = join(parent, hostile);
  await mkdir(join(path, ".git"), { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(path, name), text, { mode: 0o600 });
  }
  return path;
}

const url = "http://127.0.0.1:1/mcp";
const client = { issuer: "http://127.0.0.1:1", id: "a", secret: { env: "SECRET" } };
const config = (crm: object = { url, grant: { client } }, rest: object = {}) =>
  JSON.stringify({ servers: { crm }, ...rest });
const withSecret = (token: object) => config({ url, grant: { type: "static", token } });

interface Row {
  /** The content of `mcp-auth.config.json`. Absent: there is no config. */
  readonly config?: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly code: number;
  /** Whether the output contains the hostile text, escaped. */
  readonly names: boolean;
}

const rows: Readonly<Record<string, Row>> = {
  "an unknown command": { argv: [hostile], code: 2, names: true },
  "an unknown option": { argv: ["token", "crm", `--${hostile}`], code: 2, names: true },
  "an option with a value that it does not take": {
    argv: ["token", `--json=${hostile}`],
    code: 2,
    names: false,
  },
  "an argument too many": { argv: ["validate", hostile], code: 2, names: false },
  "a file of --config that is not there": {
    argv: ["validate", "--config", hostile],
    code: 2,
    names: true,
  },
  "a file of --config in a missing folder": {
    argv: ["token", "crm", "--config", join(hostile, "none.json")],
    code: 2,
    names: true,
  },
  "a file of MCP_AUTH_CONFIG that is not there": {
    argv: ["headers", "crm"],
    env: { MCP_AUTH_CONFIG: `${hostile}.json` },
    code: 2,
    names: true,
  },
  "a file of --env-file that is not there": {
    argv: ["token", "crm", "--env-file", hostile],
    code: 2,
    names: true,
  },
  "a search without a result": { argv: ["token", "crm"], code: 2, names: true },
  "a search without a result, as JSON": { argv: ["validate", "--json"], code: 2, names: true },
  "a config that is no JSON": { config: "{", argv: ["token", "crm"], code: 2, names: false },
  "a config with mistakes": {
    config: JSON.stringify({ servers: { [hostile]: {} }, clients: { [hostile]: client }, [hostile]: 1 }),
    argv: ["revoke", "crm"],
    code: 2,
    names: true,
  },
  "the mistakes of a config": {
    config: JSON.stringify({ servers: { [hostile]: {} }, clients: { [hostile]: client }, [hostile]: 1 }),
    argv: ["validate"],
    code: 2,
    names: true,
  },
  "the mistakes of a config, as JSON": {
    config: JSON.stringify({ servers: { [hostile]: {} }, [hostile]: 1 }),
    argv: ["validate", "--json"],
    code: 2,
    names: true,
  },
  "a good config in a folder of that name": {
    config: config(),
    argv: ["validate", "--config", join("..", hostile, "..", hostile, "mcp-auth.config.json")],
    code: 0,
    names: false,
  },
  "an unknown server of token": { config: config(), argv: ["token", hostile], code: 2, names: true },
  "an unknown server of headers": { config: config(), argv: ["headers", hostile], code: 2, names: true },
  "an unknown server of revoke": { config: config(), argv: ["revoke", hostile], code: 2, names: true },
  "an unknown server of store clear": {
    config: config(),
    argv: ["store", "clear", hostile],
    code: 2,
    names: true,
  },
  "an unknown command of store": { config: config(), argv: ["store", hostile], code: 2, names: true },
  "an unknown server and URL of the host": {
    config: config(),
    argv: ["headers"],
    env: {
      CLAUDE_CODE_MCP_SERVER_NAME: hostile,
      CLAUDE_CODE_MCP_SERVER_URL: `https://other.example/${hostile}`,
    },
    code: 2,
    names: false,
  },
  "authorities that are not there": {
    // They are read for https alone.
    config: config(
      { url: "https://127.0.0.1:1/mcp", grant: { client: { ...client, issuer: "https://127.0.0.1:1" } } },
      { network: { ca: `./${hostile}` } },
    ),
    argv: ["token", "crm"],
    env: { SECRET: "s" },
    code: 2,
    names: true,
  },
  "a secret in a file that is not there": {
    config: withSecret({ file: hostile }),
    argv: ["token", "crm"],
    code: 2,
    names: true,
  },
  "a secret of a command that is not there": {
    config: withSecret({ exec: [hostile] }),
    argv: ["headers", "crm"],
    code: 2,
    names: true,
  },
  "a secret that cannot be read, when validated": {
    config: withSecret({ file: hostile }),
    argv: ["validate", "--secrets"],
    code: 2,
    names: true,
  },
  "a secret that only code can give, when validated": {
    config: withSecret({ resolver: hostile, ref: "r" }),
    argv: ["validate", "--secrets"],
    code: 0,
    names: true,
  },
  "a resolver that was not given": {
    config: withSecret({ resolver: hostile, ref: "r" }),
    argv: ["token", "crm"],
    code: 2,
    names: true,
  },
  "a signer that only code can give, when validated": {
    config: config({
      url,
      grant: {
        client: { issuer: client.issuer, id: "a", key: { signer: { name: hostile }, alg: "ES256" } },
      },
    }),
    argv: ["validate", "--secrets"],
    code: 0,
    names: true,
  },
  "an issuer that has it": {
    config: config({ url, grant: { client: { ...client, issuer: "https://auth.example/\u001b\u202e" } } }),
    argv: ["token", "crm"],
    code: 2,
    names: false,
  },
  "the help of a command": { argv: ["headers", "--help", hostile], code: 0, names: false },
};

describe("the output of a command", () => {
  test.each(Object.entries(rows))(
    "a command prints nothing that a terminal or CI runner acts on for %s",
    async (_, row) => {
      const cwd = await folder(row.config === undefined ? {} : { "mcp-auth.config.json": row.config });
      for (const github of [{}, { GITHUB_ACTIONS: "true" }]) {
        const result = await program(row.argv, cwd, { ...row.env, ...github });
        expect([...actedOn(result.out), ...actedOn(result.err)]).toEqual([]);
        expect(result.code, result.err).toBe(row.code);
        expect(shown.test(result.out + result.err)).toBe(row.names);
        if (row.argv.includes("--json")) expect(JSON.parse(result.out)).toMatchObject({ valid: false });
      }
    },
  );

  test("validate escapes the path of a valid config that looks like a command of a CI runner", async () => {
    const cwd = await folder();
    await mkdir(join(cwd, "::error::x"));
    await writeFile(join(cwd, "::error::x", "c.json"), config(), { mode: 0o600 });
    const result = await program(["validate", "--config", "::error::x/c.json"], cwd, {});
    expect(result).toEqual({
      code: 0,
      err: "",
      out: "\\u003a:error::x/c.json: no mistakes, 1 server (secrets not read: add --secrets)\n",
    });
  });
});

describe("messages of the library", () => {
  test.each<[what: string, fail: (cwd: string) => Promise<unknown>, code: string]>([
    ["a search without a result", (cwd) => createMcpAuth({ cwd, env: {} }), "config_not_found"],
    [
      "a path in code",
      (cwd) => createMcpAuth({ cwd, env: {}, config: `${hostile}.json` }),
      "config_not_found",
    ],
    ["a config of another kind", (cwd) => createMcpAuth({ cwd, env: {}, config: hostile }), "config_invalid"],
    [
      "an unknown server",
      async (cwd) =>
        (await createMcpAuth<string>({ cwd, env: {}, config: { servers: {} } })).resolve(hostile),
      "unknown_server",
    ],
  ])("a message of the library is safe to print for %s", async (_, fail, code) => {
    const error = await rejectionOf(fail(await folder()));
    expect(error).toBeInstanceOf(McpAuthError);
    expect(error.code).toBe(code);
    expect(actedOn(error.message)).toEqual([]);
    expect(error.message).toMatch(shown);
    for (const { message, hint = "" } of error.violations ?? []) expect(actedOn(message + hint)).toEqual([]);
    // The `file` of a violation is data for programs and is not escaped.
    if (error.violations !== undefined) expect(error.violations[0]?.file).toContain(hostile);
  });
});

test.each(["::add-path::/evil", "a##[add-path]/evil"])(
  "a token that a CI runner would run as a command is printed only as JSON: %s",
  async (accessToken) => {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, accessToken));
    const cwd = await folder({ "mcp-auth.config.json": JSON.stringify(issuer.config) });
    const bare = await program(["token", "tools"], cwd, issuer.env);
    expect(bare).toMatchObject({ code: 3, out: "" });
    expect(bare.err).toMatch(/^error\[token_response_invalid\]: Server "tools": .* --json/);
    const json = await program(["token", "tools", "--json"], cwd, issuer.env);
    expect([json.code, JSON.parse(json.out).accessToken]).toEqual([0, accessToken]);
    const headers = await program(["headers", "tools"], cwd, issuer.env);
    expect(JSON.parse(headers.out)).toEqual({ authorization: `Bearer ${accessToken}` });
    for (const result of [bare, json, headers]) expect(actedOn(result.out + result.err)).toEqual([]);
  },
);

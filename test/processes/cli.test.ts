// The commands with real servers: in this process, and each once as a separate process.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/main.js";
import { createMcpAuth } from "../../src/index.js";
import {
  agentSecret,
  sendToken,
  startScriptedIssuer,
  startWorld,
  type World,
} from "../integration/harness.js";
import { startIdentityServers } from "../integration/identity-servers.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { inheritedRecording } from "../support/tls-recorder/records.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

interface CommandResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** The written texts, in order. */
  readonly order: readonly string[];
}

interface Surroundings {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly color?: boolean;
  readonly signal?: AbortSignal;
}

async function command(argv: readonly string[], around: Surroundings = {}): Promise<CommandResult> {
  const order: string[] = [];
  let [out, err] = ["", ""];
  const code = await run(argv, {
    cwd: around.cwd ?? tmpdir(),
    env: around.env ?? {},
    color: around.color ?? false,
    signal: around.signal ?? new AbortController().signal,
    out(text) {
      out += text;
      order.push(`out ${text}`);
    },
    err(text) {
      err += text;
      order.push(`err ${text}`);
    },
  });
  return { code, out, err, order };
}

/** Creates a folder with a config. */
async function folder(config: unknown, name = "mcp-auth.config.json"): Promise<string> {
  const path = await temporaryFolder();
  const text = typeof config === "string" ? config : JSON.stringify(config);
  await writeFile(join(path, name), text, { mode: 0o600 });
  return path;
}

interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult & { readonly signal: NodeJS.Signals | null }>;
}

function program(argv: readonly string[], around: Surroundings = {}): Program {
  const child = spawn(process.execPath, [cli, ...argv], {
    cwd: around.cwd ?? tmpdir(),
    env: { PATH: process.env["PATH"], ...inheritedRecording(), ...around.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const order: string[] = [];
  let [out, err] = ["", ""];
  child.stdout?.on("data", (chunk: Buffer) => {
    out += String(chunk);
    order.push(`out ${chunk}`);
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += String(chunk);
    order.push(`err ${chunk}`);
  });
  const ended = new Promise<Awaited<Program["ended"]>>((resolve) =>
    child.once("close", (code, signal) => resolve({ code, signal, out, err, order })),
  );
  return { child, ended };
}

async function packageJson(): Promise<{ readonly version: string; readonly bin: unknown }> {
  return JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
}

const secretOf = (world: World) => ({ env: { SECRET: world.env["SECRET"] ?? "" } });

describe("token", () => {
  test("token prints only the token on stdout, and the MCP server accepts it", async () => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const result = await command(["token", "tools"], { cwd, ...secretOf(world) });
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(result.out).toMatch(/^ey[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const headers = { authorization: `Bearer ${result.out.trim()}` };
    expect((await fetch(world.mcp.url, { headers })).status).toBe(405);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("token --json prints the token with its expiry, scopes, issuer and resource", async () => {
    const world = await startWorld({ scopes: ["read"], mcp: { scopes: ["read"] } });
    const cwd = await folder(world.config);
    const { code, out, err } = await command(["token", "--json", "tools"], { cwd, ...secretOf(world) });
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual({
      accessToken: expect.stringMatching(/^ey/),
      tokenType: "Bearer",
      requestedAt: expect.any(Number),
      expiresAt: expect.any(Number),
      scopes: ["read"],
      issuer: world.issuer.issuer,
      resource: world.mcp.url,
    });
  });

  test("token --force-refresh requests exactly one token", async () => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const { code } = await command(["token", "tools", "--force-refresh"], { cwd, ...secretOf(world) });
    expect(code).toBe(0);
    expect(world.issuer.tokenRequests).toHaveLength(1);
  });

  test("token masks the token before it prints it under GitHub Actions", async () => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const env = { ...world.env, GITHUB_ACTIONS: "true" };
    for (const argv of [
      ["token", "tools"],
      ["token", "tools", "--json"],
    ]) {
      const { order, code } = await command(argv, { cwd, env });
      expect(code).toBe(0);
      const [first, second, ...others] = order;
      expect(others).toEqual([]);
      const masked = /^err ::add-mask::(\S+)\n$/.exec(first ?? "")?.[1] ?? "nothing";
      expect(second).toMatch(/^out /);
      expect(second).toContain(masked);
      expect(masked).toMatch(/^ey/);
    }
    const env2 = { ...world.env, GITHUB_ACTIONS: "false" };
    expect((await command(["token", "tools"], { cwd, env: env2 })).err).toBe("");
  });

  test("token and exec refuse a server whose tokens need a proof for each request, and start nothing", async () => {
    const dpop = { nonces: true };
    const world = await startWorld({ dpop, mcp: { dpop: { required: true, nonces: true } } });
    const cwd = await folder({ servers: { tools: { ...world.config.servers.tools, dpop: true } } });
    const env = { ...world.env, GITHUB_ACTIONS: "true" };
    for (const argv of [
      ["token", "tools"],
      ["token", "tools", "--json"],
      ["exec", "tools", "--", process.execPath, "-e", "console.log('started')"],
    ]) {
      expect(await command(argv, { cwd, env })).toMatchObject({
        code: 2,
        out: argv.includes("--json") ? expect.stringContaining('"code": "sender_constrained"') : "",
        err: expect.stringMatching(/^error\[sender_constrained\]: Server "tools": .*DPoP.*\n$/),
      });
    }
    expect(world.issuer.tokensIssued).toBe(3);
  });

  test("token and exec refuse a server whose tokens are bound to a certificate, and start nothing", async () => {
    const world = await startIdentityServers();
    onTestFinished(() => world[Symbol.asyncDispose]());
    const grant = { client: world.client("pki"), scopes: ["read"] };
    const cwd = await folder({
      network: world.network,
      servers: { tools: { url: world.mcp.mTLS.url, grant } },
    });
    for (const argv of [
      ["token", "tools"],
      ["token", "tools", "--json"],
      ["exec", "tools", "--", process.execPath, "-e", "console.log('started')"],
    ]) {
      expect(await command(argv, { cwd, env: world.env })).toMatchObject({
        code: 2,
        out: argv.includes("--json") ? expect.stringContaining('"code": "sender_constrained"') : "",
        err: expect.stringMatching(/^error\[sender_constrained\]: Server "tools": .*certificate.*\n$/),
      });
    }
  });

  test("--env-file sets variables that are not set, and later files win over earlier ones", async () => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    await writeFile(join(cwd, ".env"), "SECRET=wrong\n");
    await writeFile(join(cwd, "other.env"), `# comment\nexport SECRET="${agentSecret}"\n`);
    const token = (argv: string[], env = {}) => command(["token", "tools", ...argv], { cwd, env });
    expect((await token([])).code).toBe(2);
    expect((await token(["--env-file", ".env"])).code).toBe(3);
    expect((await token(["--env-file", ".env", "--env-file", "other.env"])).code).toBe(0);
    expect((await token(["--env-file=.env"], world.env)).code).toBe(0);
    expect(await token(["--env-file", "missing.env"])).toMatchObject({
      code: 2,
      err: "error: The file missing.env of --env-file cannot be read: it does not exist. Correct the path or its permissions.\n",
    });
  });

  test("a command names the .env file beside the config that has a variable which is not set, and the option", async () => {
    const cwd = await folder({
      servers: {
        crm: {
          url: "https://crm.example/mcp",
          grant: { client: { issuer: "https://auth.example", id: "a", secret: { env: "CRM_SECRET" } } },
        },
      },
    });
    await writeFile(join(cwd, ".env"), "CRM_SECRET=canary\n", { mode: 0o600 });
    const child = spawn(process.execPath, [cli, "validate", "--secrets"], { cwd, env: {}, stdio: "pipe" });
    let out = "";
    child.stdout.on("data", (chunk) => {
      out += String(chunk);
    });
    expect(await once(child, "close")).toEqual([2, null]);
    expect(out).toMatch(
      /: Server "crm": CRM_SECRET is not set, but \.env has it\. Load that file with --env-file \.env, or set it\.\n$/,
    );
  });

  test("a command says how to create a private key that is not there", async () => {
    const key = { privateKey: { file: "secrets/my agent.pem" } };
    const client = { issuer: "https://auth.example", id: "a", key };
    const cwd = await folder({ servers: { crm: { url: "https://crm.example/mcp", grant: { client } } } });
    const { code, out } = await program(["validate", "--secrets"], { cwd }).ended;
    expect(code).toBe(2);
    expect(out).toContain("could not read the private key from the file");
    expect(out).toMatch(
      / run npx mcp-auth-runtime keys generate '\S*secrets\/my agent\.pem' and register the new key\.\n$/,
    );
  });

  test("--config wins over MCP_AUTH_CONFIG and over the config in the working directory", async () => {
    const world = await startWorld();
    const cwd = await folder({ servers: {} });
    const other = await folder(world.config, "other.json");
    const file = join(other, "other.json");
    const token = (argv: string[], env = {}) =>
      command(["token", "tools", ...argv], { cwd, env: { ...world.env, ...env } });
    expect((await token(["--config", file])).code).toBe(0);
    expect((await token([], { MCP_AUTH_CONFIG: file })).code).toBe(0);
    expect((await token(["--config", file], { MCP_AUTH_CONFIG: "/not/there.json" })).code).toBe(0);
    expect(await token(["--config", "not-there.json"])).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^error\[config_not_found\]: --config names .*not-there\.json, which does not exist\./,
      ),
    });
  });
});

describe("the exit code of a command", () => {
  test.each<[name: string, code: number, error: string, change: (world: World) => object | undefined]>([
    ["a missing secret", 2, "secret_unavailable", () => ({ SECRET: "" })],
    ["a wrong secret", 3, "token_request_rejected", () => ({ SECRET: "wrong" })],
    [
      "an authorization server that is down",
      4,
      "unavailable",
      (world) => void world.issuer.failNext(100, 503, { "retry-after": "3600" }),
    ],
  ])("for %s is %i, with %s on stderr and nothing on stdout", async (_, code, error, change) => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const env = { ...world.env, ...change(world) };
    const result = await command(["token", "tools"], { cwd, env });
    expect(result).toMatchObject({ code, out: "" });
    expect(result.err).toMatch(new RegExp(`^error\\[${error}\\]: Server "tools": .*\\n(?:  \\w+: .*\\n)*$`));
    expect(result.err).not.toContain(agentSecret);
    expect(result.err).not.toContain("\u001b");
  });

  test("the exit code is 3 for a server whose metadata names another issuer", async () => {
    const world = await startWorld({ mcp: { authorizationServers: ["https://other.example"] } });
    const cwd = await folder(world.config);
    const result = await command(["token", "tools"], { cwd, ...secretOf(world) });
    expect(result).toMatchObject({
      code: 3,
      out: "",
      err: expect.stringContaining("error[issuer_mismatch]"),
    });
  });

  test("the exit code is 4 for a server that does not listen", async () => {
    const world = await startWorld();
    await world.issuer.close();
    const cwd = await folder({ ...world.config, defaults: { retry: { attempts: 1 } } });
    const result = await command(["token", "tools"], { cwd, ...secretOf(world) });
    expect(result).toMatchObject({ code: 4, out: "", err: expect.stringContaining("error[unavailable]") });
  });

  test("the exit code is 4 for a server that does not respond", async () => {
    const issuer = await startScriptedIssuer(() => {});
    const defaults = { timeout: "1s", deadline: "30s", retry: { attempts: 1 } };
    const cwd = await folder({ ...issuer.config, defaults });
    const result = await command(["token", "tools"], { cwd, env: issuer.env });
    expect(result).toMatchObject({ code: 4, out: "", err: expect.stringContaining("error[timeout]") });
  });

  test.each<[name: string, argv: string[], message: RegExp]>([
    ["an unknown command", ["tokne", "tools"], /^error: There is no command "tokne"\. .*--help\n$/],
    ["a command that every object has", ["constructor"], /^error: There is no command "constructor"/],
    [
      "an unknown option",
      ["token", "tools", "--jsno"],
      /^error: token has no option "--jsno"\. Did you mean --json\? .*--help\n$/,
    ],
    ["an option without its value", ["token", "tools", "--config"], /^error: .*--config/],
    ["an option with an empty value", ["token", "tools", "--config="], /^error: --config needs .*\n$/],
    ["no server", ["token"], /^error: Name a server of the config: .* token SERVER\n$/],
    ["two servers", ["token", "a", "b"], /^error: token takes one argument: .* token SERVER\n$/],
    ["an argument too many", ["validate", "x"], /^error: validate takes no argument/],
    ["an unknown server", ["token", "tolls"], /^error\[unknown_server\]: .*Did you mean "tools"\?/],
  ])("the exit code of a wrong command line is 2: %s", async (_, argv, message) => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const result = await command(argv, { cwd, ...secretOf(world) });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toMatch(message);
  });

  test("the exit code is 2 without a config, and the error lists every place that was searched", async () => {
    const cwd = await temporaryFolder();
    const result = await command(["token", "tools"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toMatch(/^error\[config_not_found\]/);
    expect(result.err).toContain(join(cwd, "mcp-auth.config.json"));
  });

  test("the exit code is 130 after an interrupt, without further output", async () => {
    const issuer = await startScriptedIssuer(() => {});
    const cwd = await folder(issuer.config);
    const interrupt = new AbortController();
    const running = command(["token", "tools"], { cwd, env: issuer.env, signal: interrupt.signal });
    await issuer.receivedTokenRequests(1);
    await issuer.server.close();
    interrupt.abort();
    expect(await running).toMatchObject({ code: 130, out: "", err: "" });
  });
});

describe("validate", () => {
  const good = {
    servers: {
      crm: {
        url: "https://crm.example/mcp",
        grant: { client: { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } } },
      },
    },
  };

  const tenMistakes = `{
  "versoin": 1,
  "defaults": { "timeout": "10 seconds", "retry": { "attempts": 0 } },
  "keys": { "agent": { "privateKey": { "file": "./a.pem" }, "alg": "ES257" } },
  "servers": {
    "bad name": { "url": "https://a.example/mcp", "grant": { "type": "static", "token": { "env": "T" } } },
    "b": { "url": "not a url", "grant": { "client": { "issuer": "https://auth.example", "id": "b", "secret": "hunter2-canary" } } },
    "c": { "url": "https://c.example/mcp", "grant": { "client": "nobody" } },
    "d": { "url": "https://d.example/mcp", "grant": { "client": { "id": "d" } } },
    "e": { "url": "https://e.example/mcp", "grant": { "type": "static", "token": { "env": "T" } }, "reach": "host" },
    "f": { "url": "https://f.example/mcp", "grant": { "type": "static", "token": { "env": "T" } }, "refresh": { "schedule": "every minute" } }
  }
}
`;

  test("validate reports a valid config", async () => {
    const cwd = await folder(good);
    expect(await command(["validate"], { cwd })).toMatchObject({
      code: 0,
      out: "mcp-auth.config.json: no mistakes, 1 server (secrets not read: add --secrets)\n",
      err: "",
    });
    const { code, out } = await command(["validate", "--json"], { cwd });
    expect([code, JSON.parse(out)]).toEqual([
      0,
      {
        file: join(cwd, "mcp-auth.config.json"),
        valid: true,
        violations: [],
        warnings: [],
        secrets: [],
        skipped: [],
      },
    ]);
  });

  test("validate lists eleven mistakes, each once and with its position, and no literal secret", async () => {
    const cwd = await folder(tenMistakes);
    const result = await command(["validate"], { cwd });
    expect(result.code).toBe(2);
    const lines = result.out.split("\n").filter((line) => line.startsWith("mcp-auth.config.json:"));
    expect(lines.map((line) => /:(\d+):\d+ ([^\s:]+)/.exec(line)?.slice(1, 3))).toEqual([
      ["2", "/versoin"],
      ["3", "/defaults/timeout"],
      ["3", "/defaults/retry/attempts"],
      ["4", "/keys/agent/alg"],
      ["6", expect.stringMatching(/^\/servers/)],
      ["7", "/servers/b/url"],
      ["7", "/servers/b/grant/client/secret"],
      ["8", "/servers/c/grant/client"],
      ["9", "/servers/d/grant/client"],
      ["10", "/servers/e/reach"],
      ["11", "/servers/f/refresh/schedule"],
    ]);
    expect(result.err).toBe("11 mistakes\n");
    expect(result.out).toContain('"version"');
    expect(result.out).toContain('{ "env": ');
    expect(result.out + result.err).not.toMatch(/hunter2|canary/);

    const json = await command(["validate", "--json"], { cwd });
    expect(json).toMatchObject({ code: 2, err: "" });
    const { valid, violations } = JSON.parse(json.out);
    expect(valid).toBe(false);
    expect(violations).toHaveLength(11);
    expect(json.out).not.toMatch(/hunter2|canary/);
  });

  test("the library reports the same mistakes as validate, and no literal secret", async () => {
    const cwd = await folder(tenMistakes);
    const error = await rejectionOf(createMcpAuth({ cwd, env: {} }));
    expect(error).toMatchObject({ code: "config_invalid" });
    expect(error.violations).toHaveLength(11);
    expect(error.message + JSON.stringify(error)).not.toMatch(/hunter2|canary/);
    const result = await command(["token", "b"], { cwd });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("error[config_invalid]");
    expect(result.err).not.toMatch(/hunter2|canary/);
  });

  test("validate --secrets reads all secrets, names the missing ones, and shows none", async () => {
    const cwd = await folder({
      servers: {
        ...good.servers,
        key: {
          url: "https://key.example/mcp",
          headers: { "x-key": { env: "HEADER" } },
          grant: {
            client: { issuer: "https://auth.example", id: "k", key: { privateKey: { file: "./k.pem" } } },
          },
        },
      },
    });
    await writeFile(join(cwd, "k.pem"), "canary: not a key", { mode: 0o600 });
    const env = { CRM_SECRET: "canary-secret" };
    const missing = await command(["validate", "--secrets"], { cwd, env });
    expect(missing).toMatchObject({ code: 2, err: "2 mistakes\n" });
    expect(missing.out.trim().split("\n")).toEqual([
      expect.stringContaining("HEADER is not set"),
      expect.stringContaining("k.pem"),
    ]);
    expect(missing.out).not.toContain("canary");
    const json = await command(["validate", "--secrets", "--json"], { cwd, env });
    expect(json.code).toBe(2);
    expect(JSON.parse(json.out)).toMatchObject({
      valid: false,
      violations: [],
      secrets: [{ code: "secret_unavailable" }, { code: "key_invalid" }],
    });
    expect((await command(["validate"], { cwd, env })).code).toBe(0);
  });

  test("validate reports a variable without a value that only one server uses", async () => {
    const cwd = await folder(JSON.stringify(good).replace("crm.example", "${CRM_HOST}"));
    const result = await command(["validate"], { cwd });
    expect(result).toMatchObject({ code: 2, out: expect.stringContaining("CRM_HOST") });
    expect((await command(["validate"], { cwd, env: { CRM_HOST: "crm.example" } })).code).toBe(0);
  });
});

describe("--help and --version", () => {
  test.each([["--help"], ["-h"], ["help"]])("%s says what there is", async (argument) => {
    const result = await command([argument]);
    expect(result).toMatchObject({ code: 0, err: "" });
    for (const word of ["validate", "token SERVER", "--config", "--env-file", "130"]) {
      expect(result.out).toContain(word);
    }
    // `npx mcp-auth` is someone else's package.
    expect(result.out).not.toMatch(/npx mcp-auth(?!-runtime)/);
  });

  test("a command line without arguments prints the help and exits with 2", async () => {
    const { code, out } = await command([]);
    expect([code, out]).toEqual([2, (await command(["--help"])).out]);
  });

  test.each([["token"], ["validate"]])("%s --help says how it is used, without a config", async (name) => {
    for (const argument of ["--help", "-h"]) {
      const result = await command([name, argument]);
      expect(result).toMatchObject({ code: 0, err: "" });
      expect(result.out).toContain(`Usage: npx mcp-auth-runtime ${name}`);
    }
  });

  test("--version prints the version of package.json", async () => {
    const pkg = await packageJson();
    expect(await command(["--version"])).toMatchObject({ code: 0, out: `${pkg.version}\n`, err: "" });
  });
});

test("colors are printed only on terminals", async () => {
  expect((await command(["nothing"], { color: true })).err).toContain("\u001b[31m");
  expect((await command(["nothing"], { color: false })).err).not.toContain("\u001b");
});

describe("the program", () => {
  test("the program prints a token and ends at once, although a renewal is scheduled", async () => {
    const world = await startWorld();
    const config = { ...world.config, defaults: { refresh: { schedule: "* * * * * *" } } };
    const cwd = await folder(config);
    const { code, signal, out, err } = await program(["token", "tools"], { cwd, ...secretOf(world) }).ended;
    expect({ code, signal, err }).toEqual({ code: 0, signal: null, err: "" });
    expect(out).toMatch(/^ey\S+\n$/);
  });

  test.each<[code: number, what: string, argv: string[], env: Record<string, string>]>([
    [2, "a mistake", ["token"], {}],
    [3, "a refusal", ["token", "tools"], { SECRET: "wrong" }],
  ])("the program ends with %i after %s, without colors in a pipe", async (code, _, argv, env) => {
    const world = await startWorld();
    const cwd = await folder(world.config);
    const ended = await program(argv, { cwd, env: { ...env, FORCE_COLOR: "1" } }).ended;
    expect(ended).toMatchObject({ code, signal: null, out: "" });
    expect(ended.err).toMatch(/^error/);
    expect(ended.err).not.toContain("\u001b");
    expect(ended.err).not.toMatch(/at .*\.js/);
  });

  test("the program ends with 4 if the server does not listen", async () => {
    const world = await startWorld();
    await world.issuer.close();
    const cwd = await folder({ ...world.config, defaults: { retry: { attempts: 1 } } });
    const ended = await program(["token", "tools"], { cwd, ...secretOf(world) }).ended;
    expect(ended).toMatchObject({ code: 4, out: "" });
  });

  test.each(["SIGINT", "SIGTERM"] as const)(
    "the program ends with 130 on %s, although a request hangs",
    async (signal) => {
      const issuer = await startScriptedIssuer(() => {});
      const cwd = await folder({ ...issuer.config, defaults: { timeout: "60s", deadline: "60s" } });
      const { child, ended } = program(["token", "tools"], { cwd, env: issuer.env });
      await issuer.receivedTokenRequests(1);
      child.kill(signal);
      expect(await ended).toMatchObject({ code: 130, signal: null, out: "" });
    },
  );

  test("the program ends the commands that it has started", async () => {
    const listener = createServer();
    onTestFinished(() => void listener.close());
    await once(listener.listen(0, "127.0.0.1"), "listening");
    // A TCP server that listens has an address object.
    const { port } = listener.address() as AddressInfo;
    const connected = once(listener, "connection");
    const code = `require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000)`;
    const token = { exec: [process.execPath, "-e", code] };
    const cwd = await folder({
      servers: { tools: { url: "https://tools.example/mcp", grant: { type: "static", token } } },
    });
    const { child, ended } = program(["token", "tools"], { cwd });
    const [socket]: Socket[] = await connected;
    const closed = socket && once(socket.on("error", () => {}).resume(), "close");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: 130, signal: null, out: "", err: "" });
    await closed;
  });

  test("validate prints its result, and a long --json result is complete", async () => {
    const servers = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`s${index}`, { url: "no", grant: {} }]),
    );
    const cwd = await folder({ servers });
    const { code, out } = await program(["validate", "--json"], { cwd }).ended;
    expect(code).toBe(2);
    expect(out.length).toBeGreaterThan(200_000);
    expect(JSON.parse(out).violations.length).toBeGreaterThanOrEqual(4_000);
  });

  test("the program ends without an error if the reader of stdout goes away", async () => {
    const servers = Object.fromEntries(
      Array.from({ length: 2_000 }, (_, index) => [`s${index}`, { url: "no", grant: {} }]),
    );
    const cwd = await folder({ servers });
    const { child, ended } = program(["validate", "--json"], { cwd });
    child.stdout?.destroy();
    expect(await ended).toMatchObject({
      code: 2,
      signal: null,
      err: expect.stringMatching(/^(\d+ mistakes\n)?$/),
    });
  });

  test("the program has two names, and both print the version", async () => {
    const pkg = await packageJson();
    expect(pkg.bin).toEqual({ "mcp-auth-runtime": "./dist/cli.js", "mcp-auth": "./dist/cli.js" });
    expect(await program(["--version"]).ended).toMatchObject({ code: 0, out: `${pkg.version}\n`, err: "" });
  });
});

test("a token with control codes does not reach the terminal unescaped", async () => {
  const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "\u001b[2Jcanary"));
  const cwd = await folder(issuer.config);
  const result = await command(["token", "tools"], { cwd, env: issuer.env });
  expect(result).toMatchObject({ code: 3, out: "", err: expect.stringContaining("token_response_invalid") });
  expect(result.err).not.toContain("canary");
});

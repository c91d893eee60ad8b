// `proxy` and `status` as processes of their own, in the way that a person and a host use them.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, onTestFinished, test } from "vitest";
import { agentSecret, startWorld, type World } from "../integration/harness.js";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const cli = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

interface Project {
  readonly world: World;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A folder with a config of one server, `tools`, and a state folder of its own. */
async function createProject(): Promise<Project> {
  const world = await startWorld();
  const folder = await temporaryFolder();
  await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(world.config), { mode: 0o600 });
  return {
    world,
    folder,
    env: { ...world.env, PATH: process.env["PATH"] ?? "", XDG_STATE_HOME: join(folder, "state") },
  };
}

interface RunningCommand {
  readonly child: ChildProcess;
  /** The first lines of stdout, one for each place where the proxy listens. */
  readonly places: readonly string[];
  readonly errors: Promise<string>;
}

async function startProxyCommand({ folder: cwd, env }: Project, ...args: string[]): Promise<RunningCommand> {
  const child = spawn(process.execPath, [cli, "proxy", ...args], { cwd, env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const errors = text(child.stderr);
  const expected = args.includes("--socket") && args.includes("--listen") ? 2 : 1;
  let out = "";
  for await (const chunk of child.stdout) {
    out += chunk;
    if (out.split("\n").length > expected) break;
  }
  return { child, places: out.trim().split("\n"), errors };
}

async function command({ folder: cwd, env }: Project, ...args: string[]) {
  return await promisify(execFile)(process.execPath, [cli, ...args], { cwd, env }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

async function toolNames(url: string): Promise<readonly string[]> {
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const { tools } = await client.listTools();
  await client.close();
  return tools.map(({ name }) => name);
}

test("a host connects with the printed settings, also after a restart, and SIGTERM ends the proxy with exit code 0", async () => {
  const project = await createProject();
  const first = await startProxyCommand(project, "--listen", "127.0.0.1:0");
  const { stdout } = await command(project, "proxy", "--print", "cursor");
  const { url } = JSON.parse(stdout).mcpServers.tools;
  expect(await toolNames(url)).toContain("echo");
  first.child.kill("SIGTERM");
  expect(await once(first.child, "exit")).toEqual([0, null]);
  expect(await first.errors).not.toContain(new URL(url).pathname.split("/")[1]);

  const second = await startProxyCommand(project, "--listen", new URL(url).host);
  expect(await toolNames(url)).toContain("echo");
  second.child.kill("SIGINT");
  expect(await once(second.child, "exit")).toEqual([0, null]);
  const [state = ""] = await readdir(join(project.folder, "state/mcp-auth-runtime/proxy"));
  expect((await readdir(join(project.folder, "state/mcp-auth-runtime/proxy", state))).sort()).toEqual([
    "local-token",
    "operating-token",
  ]);
});

test("a unix socket needs no token, is found by status, and is removed at the end", async () => {
  const project = await createProject();
  const socket = join(project.folder, "run", "proxy.sock");
  const { child, places } = await startProxyCommand(project, "--socket", socket);
  expect(places).toEqual([socket]);
  const body = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "tools/list" });
  const asking = request({ socketPath: socket, path: "/tools", method: "POST", agent: new Agent() });
  asking.setHeader("content-type", "application/json");
  asking.setHeader("accept", "application/json, text/event-stream");
  asking.end(body);
  const [response] = await once(asking, "response");
  expect(await text(response)).toContain("echo");

  const reported = await command(project, "status", "--json");
  expect(JSON.parse(reported.stdout)).toMatchObject({
    address: socket,
    pid: child.pid,
    ready: true,
    servers: [{ server: "tools", state: "fresh" }],
  });
  expect((await command(project, "status")).stdout).toMatch(
    /^The proxy on \S+proxy\.sock is ready[\s\S]*\ntools +fresh +in /,
  );
  child.kill("SIGTERM");
  await once(child, "exit");
  expect(existsSync(socket)).toBe(false);
  expect(await command(project, "status")).toMatchObject({
    code: 4,
    stderr: expect.stringContaining("No proxy of this config is running."),
  });
});

test("a server that cannot be reached is reported once on stderr", async () => {
  const project = await createProject();
  const { child, places, errors } = await startProxyCommand(project, "--listen", "127.0.0.1:0");
  const { stdout } = await command(project, "proxy", "--print", "cursor");
  const { url } = JSON.parse(stdout).mcpServers.tools;
  expect(url).toContain(places[0]);
  await project.world.mcp.close();
  for (const id of [1, 2]) {
    const body = JSON.stringify({ jsonrpc: "2.0", id, method: "ping" });
    const response = await fetch(url, { method: "POST", body });
    expect(await response.json()).toMatchObject({ id, error: { data: { code: "unavailable" } } });
  }
  child.kill("SIGTERM");
  await once(child, "exit");
  expect((await errors).match(/^warning: Server "tools"/gm)).toHaveLength(1);
});

test("a wrong local token is reported once on stderr, without the token", async () => {
  const project = await createProject();
  const { child, places, errors } = await startProxyCommand(project, "--listen", "127.0.0.1:0");
  for (const token of ["chosen-by-a-caller", "another-one"]) {
    expect((await fetch(`${places[0]}/${token}/tools`, { method: "POST", body: "{}" })).status).toBe(403);
  }
  child.kill("SIGTERM");
  await once(child, "exit");
  const printed = (await errors).match(/^warning: .*$/gm);
  const shown = snippets(new URL("../../", import.meta.url), "docs/proxy.md");
  expect(printed).toEqual([shown.find(({ mark }) => mark === "refused request")?.code]);
  expect(printed?.join()).not.toMatch(/chosen-by-a-caller|another-one/);
});

test("a server that works again is reported on stderr", async () => {
  const project = await createProject();
  const env = { ...project.env, SECRET: "wrong" };
  const secret = join(project.folder, "secret");
  await writeFile(secret, "wrong", { mode: 0o600 });
  const config = JSON.stringify(project.world.config).replace(
    '{"env":"SECRET"}',
    JSON.stringify({ file: secret }),
  );
  await writeFile(join(project.folder, "mcp-auth.config.json"), config, { mode: 0o600 });
  const running = await startProxyCommand({ ...project, env }, "--listen", "127.0.0.1:0");
  const { url } = JSON.parse((await command(project, "proxy", "--print", "cursor")).stdout).mcpServers.tools;
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
  expect(await (await fetch(url, { method: "POST", body })).json()).toMatchObject({
    error: { data: { code: "token_request_rejected" } },
  });
  await writeFile(secret, agentSecret);
  expect(await toolNames(url)).toContain("echo");
  running.child.kill("SIGTERM");
  await once(running.child, "exit");
  expect((await running.errors).match(/^(warning: Server "tools".{10}|Server .*)$/gm)?.at(-1)).toBe(
    'Server "tools" has a token again.',
  );
});

test("a new local token makes the old settings invalid", async () => {
  const project = await createProject();
  const before = await command(project, "proxy", "--print", "cursor");
  const after = await command(project, "proxy", "--print", "cursor", "--new-token");
  expect(after.stdout).not.toBe(before.stdout);
  expect((await command(project, "proxy", "--print", "cursor")).stdout).toBe(after.stdout);
});

test("a host starts proxy --stdio as its MCP server, and closing it ends the process", async () => {
  const project = await createProject();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [cli, "proxy", "--stdio", "tools"],
    cwd: project.folder,
    env: project.env,
    stderr: "pipe",
  });
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(transport);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain("echo");
  const { pid } = transport;
  await client.close();
  expect(() => process.kill(Number(pid), 0)).toThrow();
});

test.each([
  ["a server that the config does not have", "toolz", {}, "unknown_server", 'Did you mean "tools"?'],
  [
    "a config with a mistake",
    "tools",
    { MCP_AUTH_CONFIG: "missing.json" },
    "config_not_found",
    "missing.json",
  ],
] as const)(
  "proxy --stdio for %s answers the first request, because hosts hide what a command prints",
  async (_, server, more, code, advice) => {
    const project = await createProject();
    const env = { ...project.env, ...more };
    const child = spawn(process.execPath, [cli, "proxy", "--stdio", server], { cwd: project.folder, env });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [out, err] = [text(child.stdout), text(child.stderr)];
    // The host keeps stdin open.
    child.stdin.write(`\n${JSON.stringify({ jsonrpc: "2.0", method: "notifications/x" })}\n`);
    child.stdin.write(
      `${JSON.stringify({ jsonrpc: "2.0", id: "first", method: "initialize", params: {} })}\n`,
    );
    expect(await once(child, "exit")).toEqual([2, null]);
    expect(JSON.parse(await out)).toMatchObject({
      id: "first",
      error: { code: -31_001, message: expect.stringContaining(advice), data: { code } },
    });
    expect(await err).toContain(advice);
  },
);

test("proxy --stdio of a server that cannot be used answers with our error, and shows no secret", async () => {
  const project = await createProject();
  const env = { ...project.env, SECRET: `not-${agentSecret}` };
  const child = spawn(process.execPath, [cli, "proxy", "--stdio", "tools"], { cwd: project.folder, env });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [out, err] = [text(child.stdout), text(child.stderr)];
  const params = {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "host", version: "1" },
  };
  child.stdin.end(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params })}\n`);
  expect(await once(child, "exit")).toEqual([0, null]);
  expect(JSON.parse(await out)).toMatchObject({
    id: 1,
    error: { message: expect.stringContaining('Server "tools"'), data: { code: "token_request_rejected" } },
  });
  expect(`${await out}${await err}`).not.toContain(agentSecret);
});

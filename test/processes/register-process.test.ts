// Programs that run with `--import mcp-auth-runtime/register` in separate processes: how they start and end, and their
// child processes.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { startScriptedServer, startWorld, type World } from "../integration/harness.js";
import { createProject, type Project, printed, registerFlag } from "../integration/register-project.js";

/** Code that defines `call(from)`: sends a request with the name `from` to the MCP server and returns the status. */
const caller = ({ mcp }: World) => `
  const call = async (from) => {
    const response = await fetch(${JSON.stringify(mcp.url)}, {
      method: "POST",
      headers: {
        "x-from": from,
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
      },
      body: JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "echo", arguments: { text: "hello" } },
      }),
    });
    await response.text();
    return response.status;
  };
`;

async function worldProject(agent: string, more: object = {}): Promise<{ world: World; project: Project }> {
  const world = await startWorld();
  const project = await createProject({ ...world.config, ...more }, world.env, caller(world) + agent);
  return { world, project };
}

/** Returns the name and the status of each request that the MCP server got with a token. */
function authorizedCalls({ mcp }: World): string[] {
  return mcp.requests
    .filter(({ jti, isAnswered }) => jti !== undefined && isAnswered)
    .map(({ headers, status }) => `${headers["x-from"]} ${status}`)
    .sort();
}

const withOpenUrl = ({ config }: World) => ({
  servers: { ...config.servers, open: { ...config.servers.tools, url: "${UNSET}" } },
});

/** A config with a single server, of which only the URL is usable. */
const withOpenIssuer = ({ mcp }: World) => ({
  servers: {
    tools: {
      url: mcp.url,
      grant: { client: { issuer: "${UNSET}", id: "agent", secret: { env: "SECRET" } } },
    },
  },
});

/** Unusable configs, with the code and a part of the message. */
const unusable = [
  ["no config", () => undefined, "config_not_found", "mcp-auth.config.json"],
  ["an invalid config", () => ({ servers: 1 }), "config_invalid", "/servers"],
  ["a config that is not JSON", () => "{", "config_invalid", "mcp-auth.config.json"],
  ["a server with an unset variable in its URL", withOpenUrl, "config_invalid", "UNSET"],
  ["a config without a usable server", withOpenIssuer, "config_invalid", "UNSET"],
] as const;

describe("a program with an unusable config", () => {
  test.each(unusable)(
    "a program with %s exits with code 2 and the reason before its first line",
    async (_, config, code, reason) => {
      const world = await startWorld();
      const project = await createProject(config(world), world.env, `console.log("first line");`);
      const ended = await project.run();
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(ended.stderr).toMatch(new RegExp(`^error\\[${code}\\]: `));
      expect(ended.stderr).toContain(reason);
    },
  );

  test.each(unusable)(
    "a program with %s runs with a warning if MCP_AUTH_REGISTER is optional",
    async (...each) => {
      const [, config, code, reason] = each;
      const world = await startWorld();
      const project = await createProject(config(world), world.env, `console.log("first line");`);
      const ended = await project.run({ env: { MCP_AUTH_REGISTER: "optional" } });
      expect(ended).toMatchObject({ code: 0, stdout: "first line\n" });
      expect(ended.stderr).toContain(`[${code}] McpAuthWarning: `);
      expect(ended.stderr).toContain(reason);
      expect(ended.stderr).toMatch(/\nRequests (to it )?are sent without authorization\./);
    },
  );

  test("a program gets tokens for the other servers if MCP_AUTH_REGISTER is optional and one URL has an unset variable", async () => {
    const world = await startWorld();
    const agent = `${caller(world)} console.log(await call("agent"));`;
    const project = await createProject(withOpenUrl(world), world.env, agent);
    const ended = await project.run({ env: { MCP_AUTH_REGISTER: "optional" } });
    expect(ended).toMatchObject({ code: 0, stdout: "200\n" });
  });

  test.each(["true", "0", "Optional"])(
    "a program exits with code 2 if MCP_AUTH_REGISTER is %s",
    async (value) => {
      const { project } = await worldProject(`console.log("first line");`);
      const ended = await project.run({ env: { MCP_AUTH_REGISTER: value } });
      expect(ended).toMatchObject({ code: 2, stdout: "" });
      expect(ended.stderr).toMatch(/^error\[config_invalid\]: MCP_AUTH_REGISTER has an unknown value\./);
    },
  );
});

test("a program runs without tokens and warnings if MCP_AUTH_REGISTER is off", async () => {
  const world = await startWorld();
  const project = await createProject("{", world.env, `${caller(world)} console.log(await call("agent"));`);
  const ended = await project.run({ env: { MCP_AUTH_REGISTER: "off" } });
  expect(ended).toMatchObject({ code: 0, stdout: "401\n", stderr: "" });
});

test("a Node program that is a command of the config and calls the server does not wait for its own result", async () => {
  const world = await startWorld();
  const client = { issuer: world.issuer.issuer, id: "agent" };
  const secret = { exec: [process.execPath, "secret.mjs"], timeout: "60s" };
  const config = { servers: { tools: { url: world.mcp.url, grant: { client: { ...client, secret } } } } };
  const project = await createProject(
    config,
    world.env,
    `${caller(world)} console.log(await call("agent"));`,
  );
  await project.write(
    "secret.mjs",
    `${caller(world)} if (await call("command") === 401) process.stdout.write(process.env.SECRET);`,
  );
  const { PATH = "" } = process.env;
  const options = { flags: [], env: { PATH, NODE_OPTIONS: registerFlag.join(" ") } };
  expect(await project.run(options)).toMatchObject({ code: 0, stdout: "200\n" });
  const calls = world.mcp.requests.map(({ headers, status }) => `${headers["x-from"]} ${status}`);
  expect(calls.filter((call) => !call.startsWith("undefined"))).toEqual(["command 401", "agent 200"]);
});

describe("errors that fail a request and not the start", () => {
  test("a secret that cannot be read fails requests to its server, and not the start", async () => {
    const { world, project } = await worldProject(
      `console.log(JSON.stringify(await call("agent").catch(({ name, code, server }) => ({ name, code, server }))));`,
    );
    const ended = await project.run({ env: { SECRET: "" } });
    const failure = { name: "McpAuthError", code: "secret_unavailable", server: "tools" };
    expect(printed(ended)).toEqual(failure);
    expect([authorizedCalls(world), world.issuer.tokenRequests]).toEqual([[], []]);
  });

  test("an issuer with an unset variable fails only requests to its server, and not the start", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const client = { issuer: "${UNSET}", id: "agent", secret: { env: "SECRET" } };
    const open = { url: `${world.mcp.origin}/open`, grant: { client } };
    const agent = `${caller(world)}
      const { code, server, message } = await fetch(${JSON.stringify(open.url)}).catch((error) => error);
      console.log(JSON.stringify({ code, server, message, status: await call("agent") }));`;
    const project = await createProject({ servers: { tools, open } }, world.env, agent);
    expect(printed(await project.run())).toEqual({
      code: "config_invalid",
      server: "open",
      message: expect.stringContaining("UNSET"),
      status: 200,
    });
    expect(authorizedCalls(world)).toEqual(["agent 200"]);
  });
});

describe("a program with a usable config", () => {
  test("a registered program uses one token for all calls, and a new one after a revocation", async () => {
    const { world, project } = await worldProject(`
      const first = await Promise.all([call("one"), call("two")]);
      console.log("called");
      for await (const _ of process.stdin);
      console.log(...first, await call("three"));`);
    const revoked = expect
      .poll(() => authorizedCalls(world))
      .toEqual(["one 200", "two 200"])
      .then(() => {
        for (const { jti } of world.issuer.issued) world.mcp.revoke(jti);
      });
    const ended = await project.run({ until: revoked });
    expect(ended).toMatchObject({ code: 0, stdout: "called\n200 200 200\n", stderr: "" });
    expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([2, 1]);
  });

  test.each([
    ["on the command line", registerFlag, {}],
    ["in NODE_OPTIONS", [], { NODE_OPTIONS: registerFlag.join(" ") }],
    ["in NODE_OPTIONS, with an equals sign", [], { NODE_OPTIONS: registerFlag.join("=") }],
  ])("a program is registered by the flag %s", async (_, flags, env) => {
    const { world, project } = await worldProject(`console.log(await call("agent"));`);
    expect(printed(await project.run({ flags, env }))).toBe(200);
    expect(authorizedCalls(world)).toEqual(["agent 200"]);
  });

  test("a registered program ends by itself when its work is done, even with a schedule", async () => {
    const defaults = { refresh: { schedule: "*/1 * * * * *" } };
    const { project } = await worldProject(
      `const status = await call("agent");
       console.log(JSON.stringify({ status, alive: process.getActiveResourcesInfo().includes("Timeout") }));`,
      { defaults },
    );
    expect(printed(await project.run())).toEqual({ status: 200, alive: false });
  });

  test("a registered program loads the runtime only for its first request to a server", async () => {
    const world = await startWorld();
    const other = await startScriptedServer((_request, response) => void response.end());
    const agent = `${caller(world)}
      import { readFileSync } from "node:fs";
      const loaded = () => readFileSync(process.env.LOADED, "utf8").split("\\n").filter((url) => url.includes("/dist/"));
      const atStart = loaded();
      await (await fetch(${JSON.stringify(other.origin)})).text();
      const afterOthers = loaded();
      const status = await call("agent");
      console.log(JSON.stringify({ atStart, afterOthers, status, afterCall: loaded().length }));`;
    const project = await createProject(world.config, world.env, agent);
    const log = join(project.folder, "loaded.txt");
    await project.write("hooks.mjs", recordingHooks(log));
    const hooks = pathToFileURL(join(project.folder, "hooks.mjs")).href;
    const recorder = `import { register } from "node:module"; register(${JSON.stringify(hooks)});`;
    await project.write("recorder.mjs", recorder);
    const flags = ["--no-warnings", "--import", "./recorder.mjs", ...registerFlag];
    // The program above prints this shape.
    const loaded = printed(await project.run({ flags, env: { LOADED: log } })) as {
      atStart: string[];
      afterOthers: string[];
      status: number;
      afterCall: number;
    };
    expect(loaded.afterOthers).toEqual(loaded.atStart);
    expect(loaded.atStart.length).toBeGreaterThan(0);
    expect(loaded.afterCall).toBeGreaterThan(loaded.atStart.length);
    expect(loaded.status).toBe(200);
    expect(await readFile(log, "utf8")).toContain("/oauth4webapi/");
  });

  test("a registered program starts the schedule of a server with its first call, even if that call fails", async () => {
    const defaults = { refresh: { schedule: "*/1 * * * * *" } };
    const { world, project } = await worldProject(
      `const failure = await call("agent").catch((error) => error);
       for await (const _ of process.stdin);
       console.log(JSON.stringify(failure.code));`,
      { defaults },
    );
    world.issuer.failNext(1, 400);
    const renewed = expect.poll(() => world.issuer.tokensIssued).toBeGreaterThan(0);
    expect((await project.run({ until: renewed })).stdout).toBe('"token_request_rejected"\n');
    expect(authorizedCalls(world)).toEqual([]);
  });
});

/** Module hooks that record the URL of each loaded module. */
const recordingHooks = (log: string) => `
  import { appendFileSync } from "node:fs";
  appendFileSync(${JSON.stringify(log)}, "");
  export async function load(url, context, next) {
    const loaded = await next(url, context);
    appendFileSync(${JSON.stringify(log)}, url + "\\n");
    return loaded;
  }
`;

describe("child processes and worker threads of a registered program", () => {
  const flagAnd = { flags: registerFlag, env: {} };
  const optionsOnly = { flags: [], env: { NODE_OPTIONS: registerFlag.join(" ") } };
  const ended = `const ended = (child) => new Promise((resolve) => child.on("exit", resolve));`;
  const elsewhere = `cwd: "/"`;
  const spawned = `
    import { spawn } from "node:child_process";
    ${ended}
    console.log(await ended(spawn(process.execPath, [process.env.CHILD, "spawned"], { ${elsewhere}, stdio: "inherit" })));`;
  const forked = `
    import { fork } from "node:child_process";
    ${ended}
    console.log(await ended(fork(process.env.CHILD, ["forked"], { ${elsewhere} })));`;
  const clustered = `
    import cluster from "node:cluster";
    ${ended}
    cluster.setupPrimary({ exec: process.env.CHILD, args: ["clustered"], ${elsewhere} });
    console.log(await ended(cluster.fork()));`;
  const threaded = `
    import { Worker } from "node:worker_threads";
    ${ended}
    console.log(await ended(new Worker(process.env.CHILD, { argv: ["threaded"] })));`;

  test.each([
    ["spawn, with NODE_OPTIONS, in another folder", spawned, "spawned", optionsOnly],
    ["fork, with the flag, in another folder", forked, "forked", flagAnd],
    ["fork, with NODE_OPTIONS, in another folder", forked, "forked", optionsOnly],
    ["cluster, with the flag, in another folder", clustered, "clustered", flagAnd],
    ["cluster, with NODE_OPTIONS, in another folder", clustered, "clustered", optionsOnly],
    ["a worker thread, with the flag", threaded, "threaded", flagAnd],
    ["a worker thread, with NODE_OPTIONS", threaded, "threaded", optionsOnly],
  ])("a child of a registered program gets tokens: %s", async (_, agent, name, { flags, env }) => {
    const { world, project } = await worldProject(`${agent} await call("parent");`);
    const child = join(project.folder, "child.mjs");
    const body = `process.exitCode = (await call(process.argv[2])) === 200 ? 0 : 1;`;
    // The IPC channel would keep a cluster worker alive.
    await project.write("child.mjs", `${caller(world)} ${body} process.disconnect?.();`);
    const end = await project.run({ flags, env: { ...env, CHILD: child } });
    expect(end).toEqual({ code: 0, stdout: "0\n", stderr: "" });
    expect(authorizedCalls(world)).toEqual(["parent 200", `${name} 200`].sort());
  });

  // Limits that the docs describe. The remedy is the flag in NODE_OPTIONS, which child processes inherit.
  test.each([
    ["spawn, with the flag alone", `spawn(process.execPath, [CHILD, "child"])`, flagAnd],
    ["fork without the flags of its parent", `fork(CHILD, ["child"], { execArgv: [] })`, flagAnd],
    ["spawn with its own environment", `spawn(process.execPath, [CHILD, "child"], { env })`, optionsOnly],
    ["a worker thread without the flags of its parent", "new Worker(CHILD, withoutFlags)", flagAnd],
    ["a worker thread from a source text", "new Worker(readFileSync(CHILD, 'utf8'), text)", optionsOnly],
  ])("a child of a registered program gets no token: %s", async (_, start, { flags, env }) => {
    const { world, project } = await worldProject(`
      import { fork, spawn } from "node:child_process";
      import { readFileSync } from "node:fs";
      import { Worker } from "node:worker_threads";
      const { CHILD, NODE_OPTIONS, ...env } = process.env;
      const withoutFlags = { argv: ["child"], execArgv: [] };
      const text = { argv: ["child"], eval: true };
      ${ended}
      await ended(${start});
      await call("parent");`);
    // A worker thread from a source text runs it as CommonJS.
    await project.write(
      "child.cjs",
      `${caller(world)} call(process.argv[2]).then(() => process.disconnect?.());`,
    );
    const end = await project.run({ flags, env: { ...env, CHILD: join(project.folder, "child.cjs") } });
    expect(end).toEqual({ code: 0, stdout: "", stderr: "" });
    const calls = world.mcp.requests.filter(({ headers }) => headers["x-from"] !== undefined);
    expect(calls.map(({ headers, status }) => `${headers["x-from"]} ${status}`)).toEqual([
      "child 401",
      "parent 200",
    ]);
  });

  test("a worker thread with an invalid config exits with code 2, and its program continues", async () => {
    const { world, project } = await worldProject(`
      import { writeFileSync } from "node:fs";
      import { Worker } from "node:worker_threads";
      writeFileSync("mcp-auth.config.json", "{");
      const worker = new Worker(process.env.CHILD);
      console.log(await new Promise((resolve) => worker.on("exit", resolve)), await call("parent"));`);
    await project.write("child.mjs", `console.log("first line");`);
    const end = await project.run({ env: { CHILD: join(project.folder, "child.mjs") } });
    expect(end).toMatchObject({ code: 0, stdout: "2 200\n" });
    expect(end.stderr).toMatch(/^error\[config_invalid\]: /);
    expect(authorizedCalls(world)).toEqual(["parent 200"]);
  });
});

// The commands and the flag, as programs on Windows.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, test } from "vitest";

const dist = new URL("../../dist/", import.meta.url);
const cli = fileURLToPath(new URL("cli.js", dist));
const register = new URL("register.js", dist).href;
/** Wine 8 cannot set after how long a connection is probed. */
const withoutProbes = pathToFileURL(fileURLToPath(new URL("without-probes.mjs", import.meta.url))).href;

const config = (changes = {}) =>
  JSON.stringify({
    servers: {
      crm: { url: "https://crm.example/mcp", grant: { type: "static", token: { file: "./token" } } },
    },
    ...changes,
  }).replaceAll("\n", "\r\n");

async function project(files) {
  const folder = await mkdtemp(join(tmpdir(), "program-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

function run(args, { cwd, env = {} }) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let out = "";
    let err = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (err += chunk));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, out, err }));
  });
}

const command = (folder, ...args) => run([cli, ...args], { cwd: folder });

test("validate accepts a config that a search from a subfolder finds", async () => {
  const folder = await project({
    "mcp-auth.config.json": config(),
    token: "t\r\n",
    "package.json": '{"workspaces":["a"]}',
    "a/x": "",
  });
  const { code, out } = await command(join(folder, "a"), "validate", "--secrets");
  expect(out).toContain("mcp-auth.config.json");
  expect(code).toBe(0);
});

test("token prints a token from a file with the line end of Windows", async () => {
  const folder = await project({ "mcp-auth.config.json": config(), token: "t-1\r\n" });
  expect(await command(folder, "token", "crm")).toMatchObject({ code: 0, out: "t-1\n" });
});

test("exec passes the token to a program, and explains that npm needs a shell", async () => {
  const folder = await project({ "mcp-auth.config.json": config(), token: "t-1\r\n" });
  const printed = await command(
    folder,
    "exec",
    "crm",
    "--",
    process.execPath,
    "-p",
    "process.env.MCP_AUTH_TOKEN",
  );
  expect(printed.out).toContain("t-1");
  const { code, err } = await command(folder, "exec", "crm", "--", "no-such-program");
  expect(code).toBe(127);
  expect(err).toContain("use cmd /c");
});

test("the device NUL and a folder are refused as the file of a secret", async () => {
  for (const token of ["NUL", "."]) {
    const server = { url: "https://crm.example/mcp", grant: { type: "static", token: { file: token } } };
    const folder = await project({ "mcp-auth.config.json": config({ servers: { crm: server } }) });
    const { code, err } = await command(folder, "token", "crm");
    expect(err).toMatch(/it is (?:not a regular file|a directory)|does not exist/);
    expect(code).not.toBe(0);
  }
});

test("a command prints a secret, and one that is too slow is ended", async () => {
  const token = (code, timeout) => ({ exec: [process.execPath, "-e", code], timeout });
  const server = (reference) => ({
    url: "https://crm.example/mcp",
    grant: { type: "static", token: reference },
  });
  const servers = {
    crm: server(token("console.log('t-4')", "30s")),
    slow: server(token("setInterval(() => {}, 1000)", "1s")),
  };
  const folder = await project({ "mcp-auth.config.json": config({ servers }) });
  expect(await command(folder, "token", "crm")).toMatchObject({ code: 0, out: "t-4\n" });
  const { code, err } = await command(folder, "token", "slow");
  expect(err).toContain("it did not end within 1000 ms");
  expect(code).not.toBe(0);
});

test("keys generate writes a key, and prints a path with / for the config", async () => {
  const folder = await project({ "mcp-auth.config.json": config(), token: "t" });
  const { code, err } = await command(folder, "keys", "generate", "secrets\\agent.pem");
  expect(code).toBe(0);
  expect(err).toContain('"./secrets/agent.pem"');
  expect(await readFile(join(folder, "secrets/agent.pem"), "utf8")).toContain("PRIVATE KEY");
});

test("the proxy refuses a unix socket, and says what to use", async () => {
  const folder = await project({ "mcp-auth.config.json": config(), token: "t" });
  const { code, err } = await command(folder, "proxy", "--socket", "s.sock");
  expect(err).toContain("this system has no unix sockets: use --listen");
  expect(code).not.toBe(0);
});

test("register adds the token to the requests of a program, and of the program that it starts", async () => {
  const received = [];
  const server = createServer((request, response) => {
    received.push(request.headers.authorization);
    response.end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const program = `await fetch(${JSON.stringify(url)});`;
  const parent = `import { spawnSync } from "node:child_process"; ${program} spawnSync(process.execPath, ["child.mjs"], { cwd: "sub" });`;
  const folder = await project({
    "mcp-auth.config.json": config({
      servers: { crm: { url, grant: { type: "static", token: { file: "./token" } } } },
    }),
    ...{ token: "t-2", "parent.mjs": parent, "sub/child.mjs": program },
  });
  const { code, err } = await run(["--import", withoutProbes, "parent.mjs"], {
    cwd: folder,
    env: { NODE_OPTIONS: `--import ${withoutProbes} --import ${register}` },
  });
  expect(err).toBe("");
  expect(code).toBe(0);
  expect(received).toEqual(["Bearer t-2", "Bearer t-2"]);
  server.close();
});

test("the proxy on TCP adds the token, and status finds it", async () => {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end(request.headers.authorization);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/mcp`;
  const folder = await project({
    "mcp-auth.config.json": config({
      servers: { crm: { url, grant: { type: "static", token: { file: "./token" } } } },
      proxy: { token: { env: "PROXY_TOKEN" } },
    }),
    token: "t-3",
  });
  const env = { PROXY_TOKEN: "0123456789abcdef0123456789abcdef", LOCALAPPDATA: join(folder, "state") };
  const options = { cwd: folder, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "ignore"] };
  const args = ["--import", withoutProbes, cli, "proxy", "--listen", "127.0.0.1:0"];
  const proxy = spawn(process.execPath, args, options);
  try {
    const [line] = await once(proxy.stdout, "data");
    const response = await fetch(`${String(line).trim()}/crm`, {
      headers: { "MCP-Auth-Proxy-Token": env.PROXY_TOKEN },
    });
    expect([response.status, await response.text()]).toEqual([200, "Bearer t-3"]);
    const { code, out } = await run(["--import", withoutProbes, cli, "status"], { cwd: folder, env });
    expect([code, out]).toEqual([0, expect.stringContaining("crm")]);
  } finally {
    proxy.kill();
    server.close();
  }
});

test("two processes that write and read one entry of the file store fail at no operation", async () => {
  const folder = await mkdtemp(join(tmpdir(), "store-"));
  const store = new URL("../../src/stores/file.js", import.meta.url).href;
  const program = `
    const { createFileStore } = await import(${JSON.stringify(store)});
    const store = createFileStore({ path: ${JSON.stringify(folder)} });
    for (let index = 0; index < 200; index += 1) {
      await store.set("token.a", "x".repeat(2_000) + index);
      const found = await store.get("token.a");
      if (!/^x+\\d+$/.test(found?.value ?? "x1")) throw new Error("torn");
    }
    await store.close();`;
  const file = join(folder, "..", `${basename(folder)}.mjs`);
  await writeFile(file, program);
  const ended = await Promise.all([1, 2].map(() => run([file], { cwd: folder })));
  expect(ended).toEqual([1, 2].map(() => ({ code: 0, out: "", err: "" })));
});

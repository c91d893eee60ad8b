// What another user of the machine can do to the proxy, and to the programs that call it. The tests run as root, which
// is the victim or becomes it, and start processes of the attacker.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { askStatus } from "../../src/proxy/ask-status.js";
import { type CreateOptions, createProxy, internalsOfAuth, stateOf } from "../../src/proxy/create-proxy.js";
import { peerUsers } from "../../src/proxy/peer-user.js";
import { listenOnSocket, prepareSocketPath } from "../../src/proxy/unix-socket.js";
import { exchange } from "../integration/attacked-proxy.js";
import { startHttpServer } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const attacker = 65_533;
const other = 65_534;

/** Starts the proxy as root, with its state in a folder that everybody may pass through. */
async function start(options: Partial<CreateOptions<"crm">> = {}) {
  const upstream = await startHttpServer((_request, response) => void response.end("ok"));
  onTestFinished(() => upstream.close());
  const home = await temporaryFolder();
  await chmod(home, 0o755);
  const grant = { type: "static", token: { env: "TOKEN" } } as const;
  const auth = await createMcpAuth<"crm">({
    config: { servers: { crm: { url: `${upstream.origin}/mcp`, grant } } },
    env: { TOKEN: "token-of-the-server", XDG_STATE_HOME: home },
  });
  onTestFinished(() => auth.stop());
  const proxy = await createProxy(auth, { isCommand: true, listen: "127.0.0.1:0", ...options });
  onTestFinished(() => proxy.stop());
  const state = stateOf(internalsOfAuth(auth));
  const port = Number(new URL(proxy.origin ?? "http://127.0.0.1:1").port);
  const tokens = { local: await state.token("local"), operating: await state.token("operating") };
  const request = `POST /${tokens.local}/crm HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}`;
  return { upstream, home, proxy, state, port, tokens, request };
}

/** Runs a program of Node as a user. Resolves with what it printed. */
function runAs(uid: number, code: string, ...args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawnAs(uid, code, ...args);
    let out = "";
    child.stdout?.on("data", (chunk) => {
      out += String(chunk);
    });
    child.once("error", reject);
    child.once("close", () => resolve(out));
  });
}

function spawnAs(uid: number, code: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["-e", code, ...args], {
    uid,
    gid: uid,
    cwd: "/",
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

/** Prints the answer to bytes at a port or a path. */
const sendCode = `
const [place, bytes] = process.argv.slice(1);
const socket = require("node:net").connect(/^\\d+$/.test(place) ? { port: Number(place), host: "127.0.0.1" } : { path: place });
socket.on("error", (error) => console.log(error.code));
socket.on("data", (chunk) => process.stdout.write(chunk));
socket.write(bytes);
`;

describe("a program of another user", () => {
  test("is refused on TCP, although it has the local token or the operating token", async () => {
    const { port, request, upstream, tokens } = await start();
    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 200 /);
    const answer = await runAs(attacker, sendCode, String(port), request);
    expect(answer).toMatch(/^HTTP\/1\.1 403 [\s\S]*runs as another user/);
    const head = `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${tokens.operating}\r\nConnection: close\r\n\r\n`;
    for (const page of ["status", "metrics", "live", "ready"]) {
      const status = await runAs(attacker, sendCode, String(port), `GET /-/${page} HTTP/1.1\r\n${head}`);
      expect(status).toMatch(/^HTTP\/1\.1 403 /);
      expect(status).not.toMatch(/crm|"pid"/);
    }
    expect(upstream.requests.length).toBe(1);
  });

  test("is refused over IPv6, and over IPv4 with a socket of IPv6", async () => {
    const { port, request, upstream } = await start();
    const code = `
const [port, bytes] = process.argv.slice(1);
const socket = require("node:net").connect({ port: Number(port), host: "::ffff:127.0.0.1" });
socket.on("error", (error) => console.log(error.code));
socket.on("data", (chunk) => process.stdout.write(chunk));
socket.write(bytes);
`;
    expect(await runAs(0, code, String(port), request)).toMatch(/^HTTP\/1\.1 200 /);
    expect(await runAs(attacker, code, String(port), request)).toMatch(/^HTTP\/1\.1 403 /);
    expect(upstream.requests.length).toBe(1);
  });

  test("may call with --any-user, if it has the local token", async () => {
    const { port, request, upstream, tokens } = await start({ anyUser: true });
    expect(await runAs(attacker, sendCode, String(port), request)).toMatch(/^HTTP\/1\.1 200 /);
    const wrong = request.replace(tokens.local, "x".repeat(43));
    expect(await runAs(attacker, sendCode, String(port), wrong)).toMatch(/^HTTP\/1\.1 403 /);
    expect(upstream.requests.length).toBe(1);
  });

  test("reaches nothing by closing or resetting its connection before the proxy looks", async () => {
    const { port, request, upstream } = await start();
    const code = `
const net = require("node:net");
const [port, bytes] = process.argv.slice(1);
let left = 60;
for (let index = 0; index < 60; index += 1) {
  const socket = net.connect(Number(port), "127.0.0.1", () => {
    socket.write(bytes, () => (index % 3 === 0 ? socket.resetAndDestroy() : index % 3 === 1 ? socket.destroy() : process.nextTick(() => socket.end())));
  });
  socket.on("error", () => {}).on("close", () => { left -= 1; if (left === 0) process.exit(); }).resume();
}
`;
    // Without a body, so that the proxy need not read anything more from the connection.
    const bare = request
      .replace(/^POST/, "DELETE")
      .replace(/Content-Length: 2/g, "X: 1")
      .replace("{}", "");
    expect(await exchange(port, bare)).toMatch(/^HTTP\/1\.1 200 /);
    const before = upstream.requests.length;
    // While this process is busy, the connections are opened, used and closed. Then it accepts all of them.
    const child = spawnAs(attacker, code, String(port), bare);
    const until = Date.now() + 1_500;
    while (Date.now() < until);
    if (child.exitCode === null) await once(child, "close");
    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 200 /);
    expect(upstream.requests.length).toBe(before + 1);
  });

  test("cannot connect to the socket, nor read or list the state", async () => {
    const folder = join(await temporaryFolder(), "own");
    await chmod(join(folder, ".."), 0o755);
    const socket = join(folder, "proxy.sock");
    const { home, state, request } = await start({ socket });
    const onSocket = request.replace(/^POST \S+/, "POST /crm");
    expect(await runAs(attacker, sendCode, socket, onSocket)).toBe("EACCES\n");
    // The mode of the socket keeps others out even if its folder is opened.
    await chmod(folder, 0o755);
    expect(await runAs(attacker, sendCode, socket, onSocket)).toBe("EACCES\n");
    const code = `
const fs = require("node:fs");
for (const path of process.argv.slice(1)) {
  for (const use of [() => fs.readdirSync(path), () => fs.readFileSync(path), () => fs.writeFileSync(path + "x", "")]) {
    try { use(); console.log("done", path); } catch ({ code }) { if (code !== "EACCES") console.log(code, path); }
  }
}
`;
    const inside = (await readdir(state.folder)).map((name) => join(state.folder, name));
    expect(inside.length).toBe(3);
    expect(await runAs(attacker, code, join(home, "mcp-auth-runtime"), state.folder, ...inside)).toBe("");
  });

  test("does not find the tokens in the list of processes", async () => {
    const { tokens } = await start();
    const list = await new Promise<string>((resolve) => {
      execFile("ps", ["axeww", "-o", "args"], { maxBuffer: 64 * 1_048_576 }, (_error, out) => resolve(out));
    });
    const own = `${process.title} ${await readFile("/proc/self/cmdline", "utf8")} ${await readFile("/proc/self/comm", "utf8")}`;
    for (const token of Object.values(tokens)) expect(`${list} ${own}`).not.toContain(token);
  });
});

test("root is another user for a proxy that does not run as root", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
  const accepted = once(server, "connection");
  const client = spawnAs(attacker, sendCode, String(address.port), "x");
  // `once` of an event returns its arguments as any.
  const [socket] = (await accepted) as [Socket];
  onTestFinished(() => void socket.destroy());
  expect(await peerUsers()?.isOurs(socket)).toBe(false);
  const asOther = await actingAs(other, () => peerUsers());
  expect(await asOther?.isOurs(socket)).toBe(false);
  const asAttacker = await actingAs(attacker, () => peerUsers());
  expect(await asAttacker?.isOurs(socket)).toBe(true);
  client.kill("SIGKILL");
  const accepted2 = once(server, "connection");
  spawnAs(0, sendCode, String(address.port), "x");
  // The same.
  const [ofRoot] = (await accepted2) as [Socket];
  onTestFinished(() => void ofRoot.destroy());
  expect(await peerUsers()?.isOurs(ofRoot)).toBe(true);
  expect(await asAttacker?.isOurs(ofRoot)).toBe(false);
});

function actingAs<T>(uid: number, work: () => T): T {
  if (process.seteuid === undefined) throw new Error("This needs POSIX.");
  process.seteuid(uid);
  try {
    return work();
  } finally {
    process.seteuid(0);
  }
}

describe("a squatter", () => {
  const squatCode = `
const [port] = process.argv.slice(1);
const server = require("node:net").createServer((socket) => socket.on("error", () => {}).on("data", (data) => {
  console.log("got " + JSON.stringify(String(data)));
  socket.end("HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}");
}));
server.on("error", (error) => { console.log(error.code); process.exit(); });
server.listen(Number(port), "127.0.0.1", () => console.log("listening"));
`;

  test("on the port of a proxy that is down learns the local token from a host, and cannot use it afterwards", async () => {
    const first = await start();
    await first.proxy.stop();
    const squatter = spawnAs(attacker, squatCode, String(first.port));
    const said = linesOf(squatter);
    expect(await said()).toBe("listening");
    await exchange(first.port, first.request);
    // A host cannot know who listens. Its requests contain nothing of the servers.
    const learned = await said();
    expect(learned).toContain(first.tokens.local);
    expect(learned).not.toContain("token-of-the-server");
    // The command says that the port is in use, instead of using another one.
    const refused = await rejectionOf(start({ listen: `127.0.0.1:${first.port}` }));
    expect(refused).toMatchObject({ code: "config_invalid" });
    expect(refused.message).toContain("in use");
    squatter.kill("SIGKILL");
    await once(squatter, "close");
    const second = await start({ listen: `127.0.0.1:${first.port}`, token: first.tokens.local });
    expect(await runAs(attacker, sendCode, String(first.port), first.request)).toMatch(/^HTTP\/1\.1 403 /);
    expect(await exchange(first.port, first.request)).toMatch(/^HTTP\/1\.1 200 /);
    expect(second.upstream.requests.length).toBe(1);
  });

  test("on the port of a proxy that has died does not get the operating token from the command status", async () => {
    const { proxy, port, tokens } = await start();
    await proxy.stop();
    const squatter = spawnAs(attacker, squatCode, String(port));
    const said = linesOf(squatter);
    expect(await said()).toBe("listening");
    // The number of the dead proxy may belong to another process of ours by now.
    const note = { pid: process.pid, origin: `http://127.0.0.1:${port}` };
    const asked = askStatus(note, tokens.operating, new AbortController().signal);
    expect(await rejectionOf(asked)).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("no program of yours listens there"),
    });
    await exchange(port, "GET / HTTP/1.1\r\n\r\n");
    expect(await said()).toBe('got "GET / HTTP/1.1\\r\\n\\r\\n"');
  });

  test("cannot take the port of a proxy that runs", async () => {
    const { port } = await start();
    expect(await runAs(attacker, squatCode, String(port))).toBe("EADDRINUSE\n");
  });

  test("does not get the operating token, although its process has the number of a dead proxy", async () => {
    const { state, proxy } = await start();
    await proxy.stop();
    const squatter = spawnAs(attacker, squatCode, "0");
    expect(await linesOf(squatter)()).toBe("listening");
    await state.noteRunning({ pid: squatter.pid ?? 0, origin: "http://127.0.0.1:1" });
    // Root may signal any process.
    expect(await state.running()).toBeUndefined();
    // Another user may not.
    const note = join(state.folder, `running-${squatter.pid}.json`);
    await state.noteRunning({ pid: squatter.pid ?? 0, origin: "http://127.0.0.1:1" });
    await chown(state.folder, other, other);
    await chown(note, other, other);
    await chmod(join(state.folder, "../../.."), 0o755);
    for (const folder of ["..", "../.."]) await chown(join(state.folder, folder), other, other);
    process.seteuid?.(other);
    try {
      expect(await state.running()).toBeUndefined();
    } finally {
      process.seteuid?.(0);
    }
  });

  test("on the path of the socket is refused, and its socket stays", async () => {
    const folder = join(await temporaryFolder(), "own");
    await mkdir(folder, { mode: 0o700 });
    const path = join(folder, "proxy.sock");
    await listenOnSocket(plainServer(), path);
    await chown(path, attacker, attacker);
    const error = await rejectionOf(prepareSocketPath(path));
    expect(error.message).toContain("belongs to another user");
    expect((await lstat(path)).uid).toBe(attacker);
  });

  test("that owns the folder of the socket, one above it, or a link on its path is refused", async () => {
    const base = await temporaryFolder();
    await chmod(base, 0o755);
    const make = async (path: string, uid: number, mode = 0o700) => {
      await mkdir(path, { mode });
      await chmod(path, mode);
      await chown(path, uid, uid);
      return path;
    };
    const theirs = await make(join(base, "theirs"), attacker);
    expect((await rejectionOf(prepareSocketPath(join(theirs, "s")))).message).toContain("others can reach");
    const inside = await make(join(theirs, "own"), 0);
    expect((await rejectionOf(prepareSocketPath(join(inside, "s")))).message).toContain(
      "another user can replace it",
    );
    const shared = await make(join(base, "shared"), 0, 0o1777);
    const own = await make(join(base, "own"), 0);
    await runAs(
      attacker,
      'require("node:fs").symlinkSync(process.argv[1], process.argv[2])',
      own,
      join(shared, "link"),
    );
    expect((await lstat(join(shared, "link"))).uid).toBe(attacker);
    expect((await rejectionOf(prepareSocketPath(join(shared, "link", "s")))).message).toContain(
      "others can reach",
    );
    const deeper = join(shared, "link", "deeper", "s");
    expect((await rejectionOf(prepareSocketPath(deeper))).message).toContain("link on its path");
    // Nor a link of our own that leads through theirs.
    await symlink(join(shared, "link"), join(base, "hop"));
    expect((await rejectionOf(prepareSocketPath(join(base, "hop", "deeper", "s")))).message).toContain(
      "link on its path",
    );
  });

  test("that owns the folder of the state, or a token in it, is refused", async () => {
    const { state, proxy } = await start();
    await proxy.stop();
    const file = join(state.folder, "local-token");
    await chown(file, attacker, attacker);
    expect(await rejectionOf(state.token("local"))).toMatchObject({ code: "config_invalid" });
    await chown(file, 0, 0);
    await chown(state.folder, attacker, attacker);
    const error = await rejectionOf(state.token("local"));
    expect(error.message).toContain("belongs to another user");
    await writeFile(file, "x");
    expect(await rejectionOf(state.running())).toMatchObject({ code: "config_invalid" });
  });
});

function plainServer() {
  const server = createServer((socket) => socket.destroy());
  onTestFinished(() => void server.close());
  return server;
}

/** Returns a function that resolves with the next line that a process prints. */
function linesOf(child: ChildProcess): () => Promise<string> {
  const lines: string[] = [];
  const waiting: ((line: string) => void)[] = [];
  let text = "";
  child.stdout?.on("data", (chunk) => {
    text += String(chunk);
    const parts = text.split("\n");
    text = parts.pop() ?? "";
    for (const line of parts) {
      const next = waiting.shift();
      if (next === undefined) lines.push(line);
      else next(line);
    }
  });
  return () => {
    const line = lines.shift();
    return line === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(line);
  };
}

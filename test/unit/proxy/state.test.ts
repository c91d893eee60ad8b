import { spawn } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { ProxyState } from "../../../src/proxy/state.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { temporaryFolder } from "../../support/temporary-folder.js";

/** The name of the file with the address of this process. */
const noteName = `running-${process.pid}.json`;
const generated = /^[A-Za-z0-9_-]{43}$/;
const own = { pid: process.pid, origin: "http://127.0.0.1:8484" };

async function createState(config = "/project/mcp-auth.config.json") {
  const home = await temporaryFolder();
  const open = () => new ProxyState(config, { XDG_STATE_HOME: home });
  return { home, open, state: open() };
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

/** Writes a file of the state, in a folder as the proxy creates it. */
async function plant(state: ProxyState, name: string, text: string, mode = 0o600): Promise<string> {
  await mkdir(state.folder, { recursive: true, mode: 0o700 });
  const path = join(state.folder, name);
  await writeFile(path, text, { mode });
  return path;
}

test("tokens are kept in files that only our user can read, in folders that only our user can open", async () => {
  const { home, state, open } = await createState();
  const [local, operating] = [await state.token("local"), await state.token("operating")];
  expect([local, operating]).toEqual([expect.stringMatching(generated), expect.stringMatching(generated)]);
  expect(local).not.toBe(operating);
  expect([await open().token("local"), await open().token("operating")]).toEqual([local, operating]);
  await state.noteRunning(own);
  expect((await readdir(state.folder)).sort()).toEqual(["local-token", "operating-token", noteName]);
  for (const name of await readdir(state.folder)) expect(await modeOf(join(state.folder, name))).toBe("600");
  for (let folder = state.folder; folder !== home; folder = dirname(folder))
    expect(await modeOf(folder)).toBe("700");
});

test("each config has its own tokens, and its path cannot lead elsewhere", async () => {
  const home = await temporaryFolder();
  const states = ["/a", "/b", "../../../etc/passwd", ""].map(
    (config) => new ProxyState(config, { XDG_STATE_HOME: home }),
  );
  const tokens = await Promise.all(states.map((state) => state.token("local")));
  expect(new Set(tokens).size).toBe(states.length);
  expect(new Set(states.map(({ folder }) => dirname(folder))).size).toBe(1);
});

test("proxies that start at once use the same token", async () => {
  const { open } = await createState();
  const tokens = await Promise.all(Array.from({ length: 12 }, () => open().token("local")));
  expect(new Set(tokens).size).toBe(1);
});

test("a replaced token is kept, and the old one is gone", async () => {
  const { state, open } = await createState();
  const [first, other] = [await state.token("local"), await state.token("operating")];
  const second = await state.replaceToken("local");
  expect(second).not.toBe(first);
  expect([await open().token("local"), await open().token("operating")]).toEqual([second, other]);
  for (const name of await readdir(state.folder))
    expect(await readFile(join(state.folder, name), "utf8")).not.toContain(first);
});

test.each([
  "",
  "\n",
  "x",
  "0123456789abcdef",
  "not/a/token\u0000",
  `${"a".repeat(43)} b`,
  "a".repeat(100_000),
])("garbage in place of a token (%#) is replaced, because somebody could guess it", async (text) => {
  const { state } = await createState();
  await plant(state, "local-token", text);
  expect(await state.findToken("local")).toBeUndefined();
  const token = await state.token("local");
  expect(token).toMatch(generated);
  expect(await state.token("local")).toBe(token);
});

test("a link in place of a token is replaced, and what it points to stays", async () => {
  const { state, home } = await createState();
  const target = join(home, "target");
  await writeFile(target, "a".repeat(43), { mode: 0o600 });
  await mkdir(state.folder, { recursive: true, mode: 0o700 });
  await symlink(target, join(state.folder, "local-token"));
  const token = await state.token("local");
  expect(token).not.toBe("a".repeat(43));
  expect(await readFile(target, "utf8")).toBe("a".repeat(43));
  expect(await state.token("local")).toBe(token);
});

test.each(["local-token", noteName])("a file %s that other users can read is refused", async (name) => {
  const { state } = await createState();
  const text = name === noteName ? JSON.stringify(own) : "a".repeat(43);
  await chmod(await plant(state, name, text), 0o644);
  const error = await rejectionOf(name === noteName ? state.running() : state.token("local"));
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain("other users can open a file in it");
  expect(error.message).not.toContain("aaaa");
});

test("a folder that everybody can write to is refused once there is something in it", async () => {
  const { state } = await createState();
  await plant(state, "local-token", "a".repeat(43));
  await chmod(state.folder, 0o777);
  const uses = [
    () => state.findToken("local"),
    () => state.token("local"),
    () => state.running(),
    () => state.noteRunning(own),
  ];
  for (const use of uses) expect(await rejectionOf(use())).toMatchObject({ code: "config_invalid" });
});

test("a file in place of the folder is refused in one sentence that names it", async () => {
  const { state } = await createState();
  await mkdir(dirname(state.folder), { recursive: true });
  await writeFile(state.folder, "");
  const error = await rejectionOf(state.token("local"));
  expect(error.code).toBe("config_invalid");
  expect(error.message).toContain(state.folder);
});

test("the running proxy is found until it has stopped", async () => {
  const { state } = await createState();
  expect(await state.running()).toBeUndefined();
  const running = { ...own, socket: "/run/user/0/proxy.sock" };
  await state.noteRunning(running);
  expect(await state.running()).toEqual(running);
  await state.noteStopped();
  expect(await state.running()).toBeUndefined();
  expect(await readdir(state.folder)).toEqual([]);
});

test("of several proxies the one that was started last is found, and the others when it has stopped", async () => {
  const { state } = await createState();
  const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const pid = child.pid ?? 0;
  await state.noteRunning({ ...own, pid });
  await state.noteRunning(own);
  await utimes(join(state.folder, `running-${pid}.json`), 1, 1);
  expect(await state.running()).toMatchObject({ pid: process.pid });
  await state.noteStopped();
  expect(await state.running()).toMatchObject({ pid });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.stdin.end();
  await exited;
  // The process is dead, so nobody may get the operating token in its place.
  expect(await state.running()).toBeUndefined();
  expect(await readdir(state.folder)).toEqual([]);
});

test.each([
  "",
  "garbage",
  "[]",
  "null",
  "{}",
  JSON.stringify({ pid: String(process.pid), origin: own.origin }),
  ...[0, -1, -process.pid, 1.5, 1e300, 2 ** 31, null].map((pid) => JSON.stringify({ ...own, pid })),
  JSON.stringify({ pid: process.pid }),
  ...[
    "http://evil.example",
    "http://192.0.2.1:80",
    "https://127.0.0.1:1",
    "http://127.0.0.1:1/a",
    "http://a@127.0.0.1:1",
  ].map((origin) => JSON.stringify({ pid: process.pid, origin })),
  ...["http://", "http://127.0.0.1.evil.example:1", "file:///", "http://localhost:1", 1].map((origin) =>
    JSON.stringify({ pid: process.pid, origin }),
  ),
  JSON.stringify({ pid: process.pid, socket: "relative.sock" }),
])("the note %j names no running proxy", async (text) => {
  const { state } = await createState();
  await plant(state, noteName, text);
  expect(await state.running()).toBeUndefined();
});

test.each(["http://127.0.0.1:8484", "http://127.0.0.1", "http://[::1]:1", "http://127.1.2.3:65535"])(
  "the note names a proxy at %s",
  async (origin) => {
    const { state } = await createState();
    await state.noteRunning({ pid: process.pid, origin });
    expect(await state.running()).toEqual({ pid: process.pid, origin });
  },
);

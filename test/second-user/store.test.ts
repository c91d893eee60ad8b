// A file store in a folder that another user can write to. The tests run as root, and start processes of both users.
import { execFileSync } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createFileStore } from "../../src/stores/file.js";
import { entryName } from "../support/entry-names.js";
import { fakeClock } from "../support/fake-clock.js";
import { hangLimit } from "../support/hang-limit.js";

/** User IDs; they need no names. */
const victim = 65_534;
const attacker = 65_533;
const entry = entryName("a");
const year = 365 * 24 * 3_600_000;

/** Runs each operation of a store and prints the outcomes. */
const program = `
import { createFileStore } from ${JSON.stringify(fileURLToPath(new URL("../../src/stores/file.ts", import.meta.url)))};
const [path, key, later] = process.argv.slice(2);
const clock = { now: () => Date.now() + Number(later), setTimeout: (...args) => {
  const timer = setTimeout(...args);
  return { unref: () => timer.unref(), cancel: () => clearTimeout(timer) };
} };
const run = async () => {
  const store = createFileStore({ path, clock });
  store.onChange(key, () => {});
  const operations = {
    get: () => store.get(key),
    set: () => store.set(key, "ours"),
    quarantine: () => store.quarantine(key, "theirs"),
    compareAndDelete: () => store.compareAndDelete(key, "theirs"),
    withLock: () => store.withLock(key, 2_000, async ({ fence }) => await store.set(key, "ours", { fence })),
    delete: () => store.delete(key),
    other: () => store.set(${JSON.stringify(entryName("f"))}, "ours"),
    keys: () => store.keys(""),
  };
  const outcomes = {};
  for (const [name, operation] of Object.entries(operations)) {
    outcomes[name] = await operation().then((value) => value ?? null, (error) => "error: " + error.message);
  }
  await store.close();
  console.log(JSON.stringify(outcomes));
};
run();
`;

let script: string;
let scripts: string;
let top: string;
let shared: string;
/** A folder of the victim, with files that are named like those of a store. */
let victimFolder: string;

beforeAll(async () => {
  if (process.getuid?.() !== 0) throw new Error("These tests act as two users, so they must run as root.");
  scripts = await mkdtemp(join(tmpdir(), "mcp-auth-second-user-"));
  await chmod(scripts, 0o755);
  const source = join(scripts, "program.ts");
  script = join(scripts, "program.cjs");
  await writeFile(source, program);
  const absWorkingDir = fileURLToPath(new URL("../..", import.meta.url));
  await build({
    ...{ entryPoints: [source], outfile: script, absWorkingDir, bundle: true, platform: "node" },
    ...{ format: "cjs", logLevel: "silent" },
  });
});
afterAll(async () => await rm(scripts, { recursive: true, force: true }));

beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), "mcp-auth-second-user-"));
  await chmod(top, 0o755);
  shared = join(top, "shared");
  await mkdir(shared);
  // Like a folder of a group: each member may also remove and replace files of others.
  await chmod(shared, 0o777);
  victimFolder = join(top, "victim");
  await mkdir(join(victimFolder, "held-1"), { recursive: true });
  const names = ["value-1", `value-1.${uuid}.tmp`, `${uuid}.unreadable`, "fence-1", "letter.txt.tmp"];
  for (const name of names) await writeFile(join(victimFolder, name), "mcp-auth-store 1 1\ntheirs");
  for (const name of ["", "held-1", ...names]) await chown(join(victimFolder, name), victim, victim);
  await chmod(victimFolder, 0o700);
});
afterEach(async () => await rm(top, { recursive: true, force: true }));

const uuid = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d";

/** Runs all store operations in a process of the victim, with a clock one year ahead, so that the sweep is due. */
function runAsVictim(path: string, key = entry): Readonly<Record<string, unknown>> {
  const output = execFileSync(process.execPath, [script, path, key, String(year)], {
    ...{ uid: victim, gid: victim, encoding: "utf8", timeout: hangLimit, env: {} },
  });
  return JSON.parse(output);
}

/** Runs a shell command as the attacker, in the shared folder. */
function runAsAttacker(command: string): void {
  execFileSync("sh", ["-c", command], { uid: attacker, gid: attacker, cwd: shared });
}

async function treeOf(folder: string) {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const all = names.map(async (name) => {
    const at = join(name.parentPath, name.name);
    const { uid, mode, mtimeMs } = await stat(at);
    return [at, uid, mode, mtimeMs, name.isFile() ? await readFile(at, "utf8") : ""] as const;
  });
  const { mode } = await stat(folder);
  return [mode, (await Promise.all(all)).toSorted(([a], [b]) => a.localeCompare(b))] as const;
}

describe("entries that another user has put into the folder of the store", () => {
  test("a link in place of an entry, to a folder of the victim, is not followed", async () => {
    runAsAttacker(`ln -s ${victimFolder} ${entry}`);
    const before = await treeOf(victimFolder);
    const { other, keys, ...outcomes } = runAsVictim(shared);
    for (const [name, outcome] of Object.entries(outcomes)) {
      expect(outcome, name).toMatch(/^error: an entry in it is a link/);
    }
    expect([other, keys]).toEqual([true, [entryName("f")]]);
    expect(await treeOf(victimFolder)).toEqual(before);
  });

  test("another user's folder with the name of an entry is neither used nor emptied", async () => {
    runAsAttacker(`mkdir -m 777 ${entry} && cd ${entry} && mkdir held-1 && umask 0 &&
      for f in value-1 value-1.${uuid}.tmp ${uuid}.unreadable fence-1; do echo theirs >$f; done`);
    const before = await treeOf(join(shared, entry));
    const { other, keys, ...outcomes } = runAsVictim(shared);
    for (const [name, outcome] of Object.entries(outcomes)) {
      expect(outcome, name).toBe("error: an entry in it belongs to another user");
    }
    expect([other, keys]).toEqual([true, [entryName("f")]]);
    expect(await treeOf(join(shared, entry))).toEqual(before);
  });

  test("another user's FIFO in place of an entry does not block the store", async () => {
    runAsAttacker(`mkfifo -m 666 ${entry}`);
    const { other, keys, ...outcomes } = runAsVictim(shared);
    for (const [name, outcome] of Object.entries(outcomes)) expect(outcome, name).toMatch(/^error: /);
    expect([other, keys]).toEqual([true, [entryName("f")]]);
  });
});

describe("another user's link on the path of the store", () => {
  test.each([
    ["in place of the store", "state"],
    ["above the store", "state/deeper"],
  ])("another user's link %s is not followed to a folder of the victim", async (_name, path) => {
    runAsAttacker(`ln -s ${victimFolder} state`);
    const before = await treeOf(victimFolder);
    for (const [name, outcome] of Object.entries(runAsVictim(join(shared, path)))) {
      expect(outcome, name).toBe("error: a link on its path belongs to another user");
    }
    expect(await treeOf(victimFolder)).toEqual(before);
  });

  test("another user's link is followed if that user also owns its folder, as with a deployed release", async () => {
    await chown(shared, attacker, attacker);
    await rm(victimFolder, { recursive: true });
    await mkdir(victimFolder);
    await chown(victimFolder, victim, victim);
    runAsAttacker(`ln -s ${victimFolder} current`);
    expect(runAsVictim(join(shared, "current"))).toMatchObject({ set: true, get: null });
  });
});

test("root does not use another user's store, which that user could replace at any time", async () => {
  const path = join(top, "state");
  await mkdir(path);
  await chown(path, victim, victim);
  runAsVictim(path, entryName("b"));
  const before = await treeOf(path);
  const store = createFileStore({ path, clock: fakeClock(Date.now() + 2 * year) });
  const theirs = entryName("f");
  await expect(store.get(theirs)).rejects.toThrow("it belongs to another user");
  await expect(store.delete(theirs)).rejects.toThrow("it belongs to another user");
  await expect(store.set(theirs, "roots")).rejects.toThrow("it belongs to another user");
  await expect(store.keys("")).rejects.toThrow("it belongs to another user");
  await store.close();
  expect(await treeOf(path)).toEqual(before);
});

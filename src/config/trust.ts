import type { BigIntStats } from "node:fs";
import { dirname, isAbsolute, join, parse, sep } from "node:path";
import { type Disk, errnoOf } from "./disk.js";

/**
 * A config can run commands and says where credentials go, so one that a search finds must come from somebody who may
 * decide that: the current user, root, or the owner of the working directory.
 */
export interface Trust {
  readonly disk: Disk;
  /** Absolute. */
  readonly cwd: string;
  /** The users whose files and folders are used; `undefined` on Windows, where files have no such owners. */
  readonly users: ReadonlySet<number> | undefined;
  /** The owner of the working directory, where that is neither the current user nor root. */
  readonly stranger: number | undefined;
}

/** Why a file, link or folder is not trusted. */
export type Doubt = { readonly path: string } & (
  | { readonly kind: "owner"; readonly uid: number }
  | { readonly kind: "mode"; readonly mode: number; readonly uid: number }
  | { readonly kind: "unreadable"; readonly code: string }
);

const writableByAll = 0o002;
/** In such a folder nobody can remove or replace what belongs to somebody else. */
const sticky = 0o1000;
/** As many as Linux follows. */
const mostLinks = 40;

export async function trustAround(cwd: string, disk: Disk): Promise<Trust> {
  const user = process.geteuid?.();
  if (user === undefined) return { disk, cwd, users: undefined, stranger: undefined };
  const owner = await ownerOf(cwd, disk);
  const users = new Set([user, 0, ...(owner === undefined ? [] : [owner])]);
  return { disk, cwd, users, stranger: owner === user || owner === 0 ? undefined : owner };
}

/** Where there is no such folder, nothing can be found in it. */
async function ownerOf(folder: string, disk: Disk): Promise<number | undefined> {
  try {
    return Number((await disk.stat(folder)).uid);
  } catch {
    return undefined;
  }
}

/** The same without the owner of the working directory, where that is neither the current user nor root. */
export function withoutStranger(trust: Trust): Trust {
  const { users, stranger } = trust;
  if (users === undefined || stranger === undefined) return trust;
  return { ...trust, users: new Set([...users].filter((user) => user !== stranger)), stranger: undefined };
}

/** What speaks against a folder that is searched; empty where it is trusted, or is not there. */
export async function doubtsAboutFolder(folder: string, trust: Trust): Promise<readonly Doubt[]> {
  const { users, disk } = trust;
  if (users === undefined) return [];
  const doubts = await examined(folder, async () => {
    const { links, passed, real, stats } = await follow(folder, disk);
    return [
      ...ownerDoubt(real, stats, users),
      ...modeDoubt(real, stats, folder === trust.cwd),
      ...links.flatMap((link) => ownerDoubt(link.path, link.stats, users)),
      ...(await doubtsAboutPassed(passed, new Set([real]), users, disk)),
    ];
  });
  return doubts.some(isAbsence) ? [] : doubts;
}

/**
 * What speaks against a file in a searched folder. `opened` are the stats of the descriptor that it was read from;
 * "changed" where the path leads to another file by now. `folders` are those from the working directory to the file.
 */
export async function doubtsAboutFile(
  file: string,
  opened: BigIntStats,
  folders: readonly string[],
  { users, disk }: Trust,
): Promise<readonly Doubt[] | "changed"> {
  if (users === undefined) return [];
  let changed = false;
  const doubts = await examined(file, async () => {
    const { links, passed, real, stats } = await follow(file, disk);
    changed = stats.dev !== opened.dev || stats.ino !== opened.ino;
    return [
      ...ownerDoubt(real, opened, users),
      ...modeDoubt(real, opened, false),
      ...links.flatMap((link) => ownerDoubt(link.path, link.stats, users)),
      ...(await doubtsAboutPassed(passed, new Set(await allReal(folders, disk)), users, disk)),
    ];
  });
  return changed || doubts.some(isAbsence) ? "changed" : doubts;
}

/** What a person who names a config should know: that others may write to it, or put another in its place. */
export async function warningsAbout(
  file: string,
  opened: BigIntStats,
  disk: Disk,
): Promise<readonly string[]> {
  if (process.geteuid === undefined) return [];
  const real = await realOrSame(file, disk);
  const folders = [...new Set([dirname(file), dirname(real)])].map(async (folder) => {
    try {
      return modeDoubt(folder, await disk.stat(folder), true);
    } catch {
      return [];
    }
  });
  const doubts = [...modeDoubt(file, opened, false), ...(await Promise.all(folders)).flat()];
  if (doubts.length === 0) return [];
  const reasons = await Promise.all(doubts.map(describeDoubt));
  return [`anyone on this machine can change the config ${file}: ${reasons.join(", and ")}.`];
}

/** A clause. */
export async function describeDoubt(doubt: Doubt): Promise<string> {
  const { path } = doubt;
  switch (doubt.kind) {
    case "owner":
      return `${path} belongs to ${await nameOfUser(doubt.uid)}`;
    case "mode":
      return `everybody may write to ${path} (mode ${doubt.mode.toString(8).padStart(4, "0")})`;
    case "unreadable":
      return `${path} cannot be examined (${doubt.code})`;
  }
}

/** As a person knows the user, `nobody (uid 65534)`; the number alone where the machine has no name for it. */
export async function nameOfUser(uid: number): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const users = await readFile("/etc/passwd", "utf8").catch(() => "");
  for (const line of users.split("\n")) {
    const [name = "", , id] = line.split(":");
    if (id === String(uid) && /^[A-Za-z0-9_.-]{1,64}$/.test(name)) return `${name} (uid ${uid})`;
  }
  return `the user with uid ${uid}`;
}

interface Step {
  readonly path: string;
  readonly stats: BigIntStats;
}

interface Followed {
  readonly links: readonly Step[];
  /** The real folders that a name was looked up in once a link had been followed. */
  readonly passed: ReadonlySet<string>;
  readonly real: string;
  readonly stats: BigIntStats;
}

/** Goes through the links that a path leads through, as the system does when it opens the path. */
async function follow(path: string, disk: Disk): Promise<Followed> {
  const links: Step[] = [];
  const passed = new Set<string>();
  const { root } = parse(path);
  if (path === root) return { links, passed, real: path, stats: await disk.lstat(path) };
  let folder = root;
  const names = path.slice(root.length).split(sep);
  let last: Step | undefined;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      folder = dirname(folder);
      continue;
    }
    if (links.length > 0) passed.add(folder);
    const step = { path: join(folder, name), stats: await disk.lstat(join(folder, name)) };
    if (step.stats.isSymbolicLink()) {
      links.push(step);
      if (links.length > mostLinks) throw Object.assign(new Error("Too many links."), { code: "ELOOP" });
      const target = await disk.readlink(step.path);
      if (isAbsolute(target)) folder = root;
      names.unshift(...target.split(sep));
      last = undefined;
    } else {
      last = step;
      folder = step.path;
    }
  }
  last ??= { path: folder, stats: await disk.lstat(folder) };
  return { links, passed, real: last.path, stats: last.stats };
}

/**
 * A link leads through these folders and those around them. Unlike folders that are searched they may be open to everybody
 * if they are sticky: each thing in them that is used is judged by its own owner, and no relative path of a config starts there.
 */
async function doubtsAboutPassed(
  passed: ReadonlySet<string>,
  searched: ReadonlySet<string>,
  users: ReadonlySet<number>,
  disk: Disk,
): Promise<readonly Doubt[]> {
  const all = new Set<string>();
  for (let folder of passed) {
    while (!searched.has(folder) && !all.has(folder)) {
      all.add(folder);
      folder = dirname(folder);
    }
  }
  const doubts = [...all].map((folder) =>
    examined(folder, async () => {
      const stats = await disk.lstat(folder);
      return [...ownerDoubt(folder, stats, users), ...modeDoubt(folder, stats, true)];
    }),
  );
  return (await Promise.all(doubts)).flat();
}

function ownerDoubt(path: string, { uid }: BigIntStats, users: ReadonlySet<number>): readonly Doubt[] {
  return users.has(Number(uid)) ? [] : [{ kind: "owner", path, uid: Number(uid) }];
}

function modeDoubt(path: string, stats: BigIntStats, maySticky: boolean): readonly Doubt[] {
  const mode = Number(stats.mode) & 0o7777;
  const isClosed = (mode & writableByAll) === 0 || (maySticky && (mode & sticky) !== 0);
  return isClosed ? [] : [{ kind: "mode", path, mode, uid: Number(stats.uid) }];
}

async function examined(path: string, look: () => Promise<readonly Doubt[]>): Promise<readonly Doubt[]> {
  try {
    return await look();
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return [{ kind: "unreadable", path, code }];
  }
}

function isAbsence(doubt: Doubt): boolean {
  return doubt.kind === "unreadable" && (doubt.code === "ENOENT" || doubt.code === "ENOTDIR");
}

async function allReal(paths: readonly string[], disk: Disk): Promise<readonly string[]> {
  return await Promise.all(paths.map((path) => realOrSame(path, disk)));
}

async function realOrSame(path: string, disk: Disk): Promise<string> {
  try {
    return await disk.realpath(path);
  } catch {
    return path;
  }
}

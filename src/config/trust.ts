import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { systemErrorCode } from "../errors/expected-errors.js";
import { type FileSystem, ifExaminable } from "./file-system.js";
import { followLinks } from "./follow-links.js";

/**
 * The rules for which configs a search may use. A config can run commands and decides where credentials are sent, so it
 * must belong to the current user, to root, or to the owner of the working directory.
 */
export interface Trust {
  readonly fs: FileSystem;
  /** Absolute. */
  readonly cwd: string;
  /** The users whose files and folders are trusted; `undefined` on Windows, where files have no such owners. */
  readonly users: ReadonlySet<number> | undefined;
  /** The owner of the working directory, if that is neither the current user nor root. */
  readonly otherOwner: number | undefined;
}

/** Why a file, link or folder is not trusted. */
export type TrustProblem = { readonly path: string } & (
  | { readonly kind: "owner"; readonly uid: number }
  | { readonly kind: "mode"; readonly mode: number; readonly uid: number }
  | { readonly kind: "unreadable"; readonly code: string }
);

const worldWritable = 0o002;
/** In a sticky folder, users can remove or replace only their own files. */
const sticky = 0o1000;

export async function createTrust(cwd: string, fs: FileSystem): Promise<Trust> {
  const user = process.geteuid?.();
  if (user === undefined) return { fs, cwd, users: undefined, otherOwner: undefined };
  const stats = await ifExaminable(() => fs.stat(cwd));
  const owner = stats === undefined ? undefined : Number(stats.uid);
  const users = new Set([user, 0, ...(owner === undefined ? [] : [owner])]);
  return { fs, cwd, users, otherOwner: owner === user || owner === 0 ? undefined : owner };
}

/**
 * Returns the same rules, but without trust in an owner of the working directory who is neither the current user nor
 * root.
 */
export function withoutOtherOwner(trust: Trust): Trust {
  const { users, otherOwner } = trust;
  if (users === undefined || otherOwner === undefined) return trust;
  return {
    ...trust,
    users: new Set([...users].filter((user) => user !== otherOwner)),
    otherOwner: undefined,
  };
}

/** Returns the reasons why a searched folder is not trusted: none if it is trusted or does not exist. */
export async function findFolderProblems(folder: string, trust: Trust): Promise<readonly TrustProblem[]> {
  const { users, fs } = trust;
  if (users === undefined) return [];
  const problems = await examine(folder, async () => {
    const { links, foldersAfterLink, realPath, stats } = await followLinks(folder, fs);
    return [
      ...ownerProblems(realPath, stats, users),
      ...modeProblems(realPath, stats, { allowSticky: folder === trust.cwd }),
      ...links.flatMap((link) => ownerProblems(link.path, link.stats, users)),
      ...(await findProblemsAfterLink(foldersAfterLink, new Set([realPath]), users, fs)),
    ];
  });
  return problems.some(isAbsence) ? [] : problems;
}

/**
 * Returns the reasons why a file in a searched folder is not trusted, or `"changed"` if the path now leads to another
 * file.
 *
 * @param opened the stats of the descriptor that the file was read from
 * @param folders the folders from the working directory to the file
 */
export async function findFileProblems(
  file: string,
  opened: BigIntStats,
  folders: readonly string[],
  { users, fs }: Trust,
): Promise<readonly TrustProblem[] | "changed"> {
  if (users === undefined) return [];
  let isChanged = false;
  const problems = await examine(file, async () => {
    const { links, foldersAfterLink, realPath, stats } = await followLinks(file, fs);
    isChanged = stats.dev !== opened.dev || stats.ino !== opened.ino;
    const searched = new Set(await Promise.all(folders.map((folder) => realPathOf(folder, fs))));
    return [
      ...ownerProblems(realPath, opened, users),
      ...modeProblems(realPath, opened, { allowSticky: false }),
      ...links.flatMap((link) => ownerProblems(link.path, link.stats, users)),
      ...(await findProblemsAfterLink(foldersAfterLink, searched, users, fs)),
    ];
  });
  return isChanged || problems.some(isAbsence) ? "changed" : problems;
}

/** Returns a warning if everybody can change or replace a file that the user named. `noun` says what the file is. */
export async function findWriteWarnings(
  file: string,
  opened: BigIntStats,
  fs: FileSystem,
  noun = "config",
): Promise<readonly string[]> {
  if (process.geteuid === undefined) return [];
  const folders = new Set([dirname(file), dirname(await realPathOf(file, fs))]);
  const problems = [...modeProblems(file, opened, { allowSticky: false })];
  for (const folder of folders) {
    const stats = await ifExaminable(() => fs.stat(folder));
    if (stats !== undefined) problems.push(...modeProblems(folder, stats, { allowSticky: true }));
  }
  if (problems.length === 0) return [];
  const reasons = await Promise.all(problems.map(describeProblem));
  return [`anyone on this machine can change the ${noun} ${file}: ${reasons.join(", and ")}.`];
}

/** Describes a problem as a clause. */
export async function describeProblem(problem: TrustProblem): Promise<string> {
  const { path } = problem;
  switch (problem.kind) {
    case "owner":
      return `${path} belongs to ${await describeUser(problem.uid)}`;
    case "mode":
      return `${path} is world-writable (mode ${problem.mode.toString(8).padStart(4, "0")})`;
    case "unreadable":
      return `${path} cannot be examined (${problem.code})`;
  }
}

/** Returns the name and number of a user, `nobody (uid 65534)`, or only the number if the user has no name here. */
export async function describeUser(uid: number): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  const users = (await ifExaminable(() => readFile("/etc/passwd", "utf8"))) ?? "";
  for (const line of users.split("\n")) {
    const [name = "", , id] = line.split(":");
    if (id === String(uid) && /^[A-Za-z0-9_.-]{1,64}$/.test(name)) return `${name} (uid ${uid})`;
  }
  return `the user with uid ${uid}`;
}

/**
 * Returns the reasons why the folders that a link leads through, and the folders above them, are not trusted. Unlike
 * searched folders, they may be world-writable if they are sticky: the owner of each file and link in them is checked
 * as well, and relative paths of a config do not start there.
 */
async function findProblemsAfterLink(
  foldersAfterLink: ReadonlySet<string>,
  searched: ReadonlySet<string>,
  users: ReadonlySet<number>,
  fs: FileSystem,
): Promise<readonly TrustProblem[]> {
  const folders = new Set<string>();
  for (let folder of foldersAfterLink) {
    while (!searched.has(folder) && !folders.has(folder)) {
      folders.add(folder);
      folder = dirname(folder);
    }
  }
  const problems = [...folders].map((folder) =>
    examine(folder, async () => {
      const stats = await fs.lstat(folder);
      return [...ownerProblems(folder, stats, users), ...modeProblems(folder, stats, { allowSticky: true })];
    }),
  );
  return (await Promise.all(problems)).flat();
}

function ownerProblems(
  path: string,
  { uid }: BigIntStats,
  users: ReadonlySet<number>,
): readonly TrustProblem[] {
  return users.has(Number(uid)) ? [] : [{ kind: "owner", path, uid: Number(uid) }];
}

function modeProblems(
  path: string,
  stats: BigIntStats,
  { allowSticky }: { readonly allowSticky: boolean },
): readonly TrustProblem[] {
  const mode = Number(stats.mode) & 0o7777;
  const isProtected = (mode & worldWritable) === 0 || (allowSticky && (mode & sticky) !== 0);
  return isProtected ? [] : [{ kind: "mode", path, mode, uid: Number(stats.uid) }];
}

/** Runs `check` and reports an error of the file system as a problem. */
async function examine(
  path: string,
  check: () => Promise<readonly TrustProblem[]>,
): Promise<readonly TrustProblem[]> {
  try {
    return await check();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return [{ kind: "unreadable", path, code }];
  }
}

function isAbsence(problem: TrustProblem): boolean {
  return problem.kind === "unreadable" && (problem.code === "ENOENT" || problem.code === "ENOTDIR");
}

/** Returns the path without links, or the path itself if it cannot be resolved. */
async function realPathOf(path: string, fs: FileSystem): Promise<string> {
  return (await ifExaminable(() => fs.realpath(path))) ?? path;
}

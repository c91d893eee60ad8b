// The lock of one key. A lease is an empty folder `held-N` and an empty file `fence-N`, and only one process can create
// each of them. A process may take the next number when the folder of the latest lease is gone or was not renewed in
// time. It never renews or removes the lease of another process that may be alive: it touches only its own number, and
// lower ones, whose leases have ended.
import { rmdirSync } from "node:fs";
import { lstat, lutimes, mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode, ignoreSystemError } from "../errors/expected-errors.js";
import { onAbort } from "../lib/abort-signal.js";
import { systemClock } from "../lib/clock.js";
import { contentsOf } from "./file-entry.js";
import { HeldLease } from "./held-lease.js";
import { removeOwnFile, removeOwnFolder } from "./own-files.js";

/** A lock that this process holds. */
export interface HeldLock {
  readonly fence: number;
  /** Aborted when another process has taken the lock over, or may have. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

/** In milliseconds. Some file systems keep the time of a folder in whole seconds. */
const shortestTtl = 2_000;

/**
 * Tries once to get the lock of an entry. Resolves with `undefined` if another process holds it and has renewed it
 * within the last `ttl` milliseconds. The lock is renewed three times per `ttl` until it is released.
 */
export async function tryFileLock(folder: string, ttl: number): Promise<HeldLock | undefined> {
  const fence = await nextFence(folder, ttl);
  return fence === undefined ? undefined : await takeLease(folder, fence, ttl);
}

/** Returns the number of the next lease; `undefined` while a process holds the latest one. */
export async function nextFence(folder: string, ttl: number): Promise<number | undefined> {
  const { fence, locks } = await contentsOf(folder);
  const latest = Math.max(fence, ...locks);
  if (!locks.includes(latest)) return latest + 1;
  try {
    const { mtimeMs } = await lstat(join(folder, `held-${latest}`));
    return mtimeMs < Date.now() - Math.max(ttl, shortestTtl) ? latest + 1 : undefined;
  } catch (error) {
    // Released in the meantime.
    if (hasErrorCode(error, "ENOENT")) return latest + 1;
    throw error;
  }
}

/**
 * Takes the lease with this number. Resolves with `undefined` if another process has taken it, even if that lease ended
 * long ago: `fence` may be out of date.
 */
export async function takeLease(folder: string, fence: number, ttl: number): Promise<HeldLock | undefined> {
  const lock = await createLockFolder(folder, fence, ttl);
  if (lock === undefined) return undefined;
  try {
    if (await claimFence(folder, fence)) return lock;
  } catch (error) {
    await lock.release();
    throw error;
  }
  await lock.release();
  return undefined;
}

/**
 * Claims a fence, and removes the earlier ones, whose leases have ended. Resolves with `false` if this fence or a later
 * one was given out already.
 */
async function claimFence(folder: string, fence: number): Promise<boolean> {
  const file = join(folder, `fence-${fence}`);
  try {
    await (await open(file, "wx", 0o600)).close();
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
  // The fence may have been given out before, and then removed by a later lease.
  const { fences, locks } = await contentsOf(folder);
  if (Math.max(...fences, ...locks) > fence) {
    await removeOwnFile(file);
    return false;
  }
  const isEarlier = (number: number): boolean => number < fence;
  await Promise.all([
    ...fences.filter(isEarlier).map((number) => removeOwnFile(join(folder, `fence-${number}`))),
    // If this fails, the next lease removes it.
    ...locks
      .filter(isEarlier)
      .map((number) => removeOwnFolder(join(folder, `held-${number}`)).catch(ignoreSystemError)),
  ]);
  return true;
}

async function createLockFolder(folder: string, fence: number, ttl: number): Promise<HeldLock | undefined> {
  const path = join(folder, `held-${fence}`);
  let renew: () => Promise<boolean>;
  try {
    await mkdir(path, { mode: 0o700 });
    renew = renewalOf(path, (await lstat(path)).mtimeMs);
  } catch (error) {
    // Another process holds this lease, or a later one and has already removed this folder.
    if (hasErrorCode(error, "EEXIST", "ENOENT")) return undefined;
    throw error;
  }
  const lease = new HeldLease({ ttl: Math.max(ttl, shortestTtl), clock: systemClock, renew });
  removeOnExit(path);
  onAbort(lease.signal, () => keepOnExit(path));
  return {
    fence,
    signal: lease.signal,
    async release() {
      lease.end();
      keepOnExit(path);
      // If the folder cannot be removed, it is stale when its time is over.
      if (!lease.signal.aborted) await removeOwnFolder(path).catch(ignoreSystemError);
    },
  };
}

/**
 * Returns the function that renews a lease by setting the time of its folder to now. It resolves with `false` if a
 * process with a later lease has removed the folder.
 */
function renewalOf(path: string, createdAt: number): () => Promise<boolean> {
  // Rounded down to whole seconds, the lease would look older than it is.
  const keepsWholeSeconds = createdAt % 1_000 === 0;
  return async () => {
    const now = Date.now();
    const time = new Date(keepsWholeSeconds ? Math.ceil(now / 1_000) * 1_000 : now);
    try {
      // `lutimes`, because another user may have put a link in place of the folder.
      await lutimes(path, time, time);
      return true;
    } catch (error) {
      if (hasErrorCode(error, "ENOENT")) return false;
      throw error;
    }
  };
}

/** The folders of the locks that this process holds. A normal exit removes them. */
const heldFolders = new Set<string>();

function removeOnExit(path: string): void {
  if (heldFolders.size === 0) process.on("exit", releaseAll);
  heldFolders.add(path);
}

function keepOnExit(path: string): void {
  heldFolders.delete(path);
  if (heldFolders.size === 0) process.off("exit", releaseAll);
}

function releaseAll(): void {
  for (const path of heldFolders) {
    try {
      rmdirSync(path);
    } catch (error) {
      // A process with a later lease has removed it.
      ignoreSystemError(error);
    }
  }
}

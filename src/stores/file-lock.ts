// The lock of one key: a lease is a lock folder `held-N` and an empty file `fence-N`, each made by one alone. The next one
// takes the next number, when the folder of the latest is gone or was not renewed. So nobody ever renews, takes over or
// removes what is another's: only what has his own number, or a lower one, which is of no more use to anybody.
import { randomUUID } from "node:crypto";
import { lstat, lutimes, mkdir, rmdir, rmdirSync } from "node:fs";
import { lstat as lookAt, open } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { allowManyListeners } from "../lib/abort-signal.js";
import { hasErrorCode } from "../lib/error-code.js";
import { contentsOf } from "./file-entry.js";
import { removeOwnFile, removeOwnFolder } from "./own-files.js";

type Lockfile = typeof import("proper-lockfile");

/** A lock that this process holds. */
export interface HeldLock {
  readonly fence: number;
  /** Aborted when somebody else took it, or may have. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

// The library looks at the time of the lock folder, which some file systems keep in whole seconds.
const shortestTtl = 2_000;

let lockfile: Promise<Lockfile> | undefined;
const held = new Set<{ readonly path: string }>();

/**
 * Tries once to have the lock of an entry; `undefined` when another has it, and has renewed it within the last `ttl`
 * milliseconds. It is renewed three times a `ttl` until it is released.
 */
export async function tryFileLock(folder: string, ttl: number): Promise<HeldLock | undefined> {
  // Whoever has looked is not to be held up by that.
  await loaded();
  const fence = await nextFence(folder, ttl);
  return fence === undefined ? undefined : await takeFence(folder, fence, ttl);
}

/** The number of the next lease; `undefined` while somebody has the latest. */
export async function nextFence(folder: string, ttl: number): Promise<number | undefined> {
  const { fence, held: holders } = await contentsOf(folder);
  const latest = Math.max(fence, ...holders);
  if (!holders.includes(latest)) return latest + 1;
  try {
    const { mtimeMs } = await lookAt(join(folder, `held-${latest}`));
    return mtimeMs < Date.now() - Math.max(ttl, shortestTtl) ? latest + 1 : undefined;
  } catch (error) {
    // Released meanwhile.
    if (hasErrorCode(error, "ENOENT")) return latest + 1;
    throw error;
  }
}

/** Takes the lease that was the next one at some moment; `undefined` when somebody else was faster, however long ago. */
export async function takeFence(folder: string, fence: number, ttl: number): Promise<HeldLock | undefined> {
  const lock = await makeHeld(folder, fence, ttl);
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

/** `false` when this fence, or a later one, was given out already. The ones before it are of no more use. */
async function claimFence(folder: string, fence: number): Promise<boolean> {
  const file = join(folder, `fence-${fence}`);
  try {
    await (await open(file, "wx", 0o600)).close();
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
  // It may have been given out, and removed as one that was before another.
  const { fences, held: holders } = await contentsOf(folder);
  if (Math.max(...fences, ...holders) > fence) {
    await removeOwnFile(file);
    return false;
  }
  const isOlder = (number: number): boolean => number < fence;
  await Promise.all([
    ...fences.filter(isOlder).map((number) => removeOwnFile(join(folder, `fence-${number}`))),
    // What is not removed is removed by the next one.
    ...holders
      .filter(isOlder)
      .map((number) => removeOwnFolder(join(folder, `held-${number}`)).catch(() => {})),
  ]);
  return true;
}

// What the library uses of it. Its own way to take over a lock folder, to remove whatever is in its place, is closed, and
// it follows no link.
const fileSystem = {
  mkdir(path: string, done: (error: Error | null) => void): void {
    mkdir(path, { mode: 0o700 }, (error) => {
      done(
        hasErrorCode(error, "EEXIST") ? Object.assign(new Error("It is held."), { code: "ELOCKED" }) : error,
      );
    });
  },
  rmdir,
  rmdirSync,
  stat: lstat,
  utimes: lutimes,
};

async function makeHeld(folder: string, fence: number, ttl: number): Promise<HeldLock | undefined> {
  const path = join(folder, `held-${fence}`);
  const own = { path };
  const lost = new AbortController();
  allowManyListeners(lost.signal);
  const stale = Math.max(ttl, shortestTtl);
  const { lock } = await loaded();
  let release: () => Promise<void>;
  try {
    // The library knows a lock by this name alone, which is to be that of no other lock.
    release = await lock(join(path, randomUUID()), {
      lockfilePath: path,
      realpath: false,
      retries: 0,
      fs: fileSystem,
      stale,
      update: stale / 3,
      onCompromised: () => {
        forget(own);
        lost.abort();
      },
    });
  } catch (error) {
    // Or it was removed at once, by one with a higher number.
    if (hasErrorCode(error, "ELOCKED", "ENOENT")) return undefined;
    throw error;
  }
  remember(own);
  return {
    fence,
    signal: lost.signal,
    async release() {
      forget(own);
      // What is not removed ends by itself.
      if (!lost.signal.aborted) await release().catch(() => {});
    },
  };
}

async function loaded(): Promise<Lockfile> {
  lockfile ??= loadLockfile();
  try {
    return await lockfile;
  } catch (error) {
    // Such as too many open files: it may be found the next time.
    lockfile = undefined;
    throw error;
  }
}

async function loadLockfile(): Promise<Lockfile> {
  let watcher: SignalWatcher | undefined;
  try {
    watcher = signalWatcher();
    leaveIgnored(watcher);
  } catch {
    // In a bundle that package cannot be reached. The lock works all the same.
  }
  const { default: library } = await import("proper-lockfile");
  try {
    if (watcher !== undefined) unwatchSignals(watcher);
  } catch {
    // Another copy of it, of another version.
  }
  return library;
}

/** The package signal-exit, as far as it is used here. */
interface SignalWatcher {
  /** Its own list of the signals that it watches, and no copy. */
  signals(): string[];
  unload(): void;
}

function signalWatcher(): SignalWatcher {
  const require = createRequire(import.meta.url);
  // That of the library, whose types know nothing of it.
  return createRequire(require.resolve("proper-lockfile"))("signal-exit") as SignalWatcher;
}

/**
 * Node ignores this signal, so that a file that may grow no further is an error of the write. Once somebody has listened to
 * it and does so no longer, it ends the process.
 */
function leaveIgnored(watcher: SignalWatcher): void {
  const signals = watcher.signals();
  const at = signals.indexOf("SIGXFSZ");
  if (at >= 0) signals.splice(at, 1);
}

/**
 * The library has a package watch every signal, which changes how the whole process takes them. That is not ours to
 * decide: it is switched off again, unless somebody else has it at work too.
 */
function unwatchSignals(watcher: SignalWatcher): void {
  // Set by that package; an event emitter with one listener for each of its users.
  const { __signal_exit_emitter__: users } = process as {
    __signal_exit_emitter__?: NodeJS.EventEmitter;
  };
  if (users === undefined || users.listenerCount("exit") + users.listenerCount("afterexit") <= 1) {
    watcher.unload();
  }
}

/** What is held when the process ends in an orderly way is given back then. */
function remember(own: { readonly path: string }): void {
  if (held.size === 0) process.on("exit", releaseAll);
  held.add(own);
}

function forget(own: { readonly path: string }): void {
  held.delete(own);
  if (held.size === 0) process.off("exit", releaseAll);
}

function releaseAll(): void {
  for (const { path } of held) {
    try {
      rmdirSync(path);
    } catch {
      // Overtaken, and removed by whoever did it.
    }
  }
}

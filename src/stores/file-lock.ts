import { setMaxListeners } from "node:events";
import { rmdirSync } from "node:fs";
import { createRequire } from "node:module";

type Lockfile = typeof import("proper-lockfile");

/** A lock folder that this process holds. */
export interface HeldLock {
  /** Aborted when somebody else took it, or may have. */
  readonly signal: AbortSignal;
  release(): Promise<void>;
}

// The library looks at the time of the lock folder, which some file systems keep in whole seconds.
const shortestTtl = 2_000;

let lockfile: Promise<Lockfile> | undefined;
const held = new Set<string>();

/**
 * Tries once to make the lock folder `path`; `undefined` when another process has it, and has renewed it within the last
 * `ttl` milliseconds. It is renewed three times a `ttl` until it is released.
 */
export async function tryFileLock(path: string, ttl: number): Promise<HeldLock | undefined> {
  lockfile ??= loadLockfile();
  const { lock } = await lockfile;
  const lost = new AbortController();
  setMaxListeners(0, lost.signal);
  const stale = Math.max(ttl, shortestTtl);
  let release: () => Promise<void>;
  try {
    release = await lock(path, {
      lockfilePath: path,
      realpath: false,
      retries: 0,
      stale,
      update: stale / 3,
      onCompromised: () => {
        forget(path);
        lost.abort();
      },
    });
  } catch (error) {
    // Two that find a dead one's lock at the same moment get in each other's way: then it is the other's.
    if (hasCode(error, "ELOCKED") || hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  remember(path);
  return {
    signal: lost.signal,
    async release() {
      forget(path);
      // It may be somebody else's by now; and what is not removed ends by itself.
      if (!lost.signal.aborted) await release().catch(() => {});
    },
  };
}

/**
 * The library has a package watch every signal, which changes how the whole process takes them. That is not ours to
 * decide: it is switched off again, unless somebody else has it at work too.
 */
async function loadLockfile(): Promise<Lockfile> {
  const { default: library } = await import("proper-lockfile");
  const require = createRequire(import.meta.url);
  const { unload } = createRequire(require.resolve("proper-lockfile"))("signal-exit") as {
    unload(): void;
  };
  // Set by that package; an event emitter with one listener for each of its users.
  const { __signal_exit_emitter__: users } = process as {
    __signal_exit_emitter__?: NodeJS.EventEmitter;
  };
  if (users === undefined || users.listenerCount("exit") + users.listenerCount("afterexit") <= 1) unload();
  return library;
}

/** What is held when the process ends in an orderly way is given back then. */
function remember(path: string): void {
  if (held.size === 0) process.on("exit", releaseAll);
  held.add(path);
}

function forget(path: string): void {
  held.delete(path);
  if (held.size === 0) process.off("exit", releaseAll);
}

function releaseAll(): void {
  for (const path of held) {
    try {
      rmdirSync(path);
    } catch {
      // Taken by somebody else meanwhile, or it ends by itself.
    }
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

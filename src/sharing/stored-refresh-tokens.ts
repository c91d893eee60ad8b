import { McpAuthError } from "../errors/error.js";
import { ignoreFailure } from "../errors/expected-errors.js";
import type { Clock } from "../lib/clock.js";
import { fingerprintOf, type Secret } from "../lib/secret.js";
import { pause, settledWithin } from "../lib/wait.js";
import { neverArrived } from "../net/failure.js";
import type { IssuedToken } from "../oauth/issued-token.js";
import type { Redemption, RefreshTokenFamily, RefreshTokenStore } from "../oauth/refresh-token-store.js";
import { type StoreFailure, storeFailureIn, storeUnavailable } from "../stores/failure.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import {
  isLatestRefreshToken,
  readRefreshToken,
  refreshTokenKey,
  writeRefreshToken,
} from "./refresh-token-entry.js";
import { StoreWatcher } from "./store-watcher.js";

// Milliseconds that all processes wait after the last moment at which a response may arrive.
const margin = 5_000;
// Milliseconds that a caller waits for the write of the outcome. After that, the write goes on in the background.
const writingLimit = 5_000;
const firstPause = 50;
const longestPause = 1_000;
const replaceAttempts = 10;

type Limits = Parameters<RefreshTokenStore["redeem"]>[1];
/** Sends the token request with the current refresh token. */
type Use = Parameters<RefreshTokenStore["redeem"]>[2];

/** A redemption in flight. */
interface InFlight {
  readonly key: string;
  readonly family: RefreshTokenFamily;
  readonly current: Secret;
  readonly fence: number;
}

/** The outcome of a redemption that is not written to the store yet. */
interface Unwritten {
  /** Resolves when it is written, or when the store was closed before. Never rejects. */
  readonly done: Promise<void>;
  readonly lastAttempt: LastAttempt;
}

interface LastAttempt {
  failure?: StoreFailure | undefined;
}

/** A redemption that failed. */
interface FailedRedemption {
  readonly error: unknown;
  /** Whether the request has left this process. */
  readonly sent: boolean;
  /** Status of the response, if there was one. */
  readonly status: number | undefined;
  readonly successor: Secret | undefined;
}

/**
 * Keeps the latest refresh token of each family in the store. A server may revoke a whole family if one of its tokens
 * is redeemed twice (RFC 9700 §4.14.2). So only one process at a time redeems a token, and before that it writes to the
 * store that the token is in flight and for how long. If it cannot write that, it does not redeem the token.
 */
export class StoredRefreshTokens implements RefreshTokenStore {
  readonly #store: SharedStore;
  readonly #clock: Clock;
  /** By key of the entry. */
  readonly #unwritten = new Map<string, Unwritten>();
  /** The fingerprint of the refresh token that was read last, by key of the entry. */
  readonly #lastRead = new Map<string, string>();

  constructor({ store, clock }: { readonly store: SharedStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  async redeem(family: RefreshTokenFamily, limits: Limits, use: Use): Promise<IssuedToken> {
    const key = refreshTokenKey(family);
    const watcher = new StoreWatcher(this.#store, key);
    try {
      for (;;) {
        await this.#untilFree(key, family, limits.signal, watcher);
        const locked = await this.#store.withLock(key, (lease) =>
          this.#underLock(key, family, limits, use, lease),
        );
        if (locked.acquired && locked.value !== "taken") return locked.value;
        await this.#waitForChange(watcher, limits.signal);
      }
    } catch (error) {
      const isUnnamed = error instanceof McpAuthError && error.server === undefined;
      if (isUnnamed && error.code === "store_unavailable")
        throw storeUnavailable(family.server, storeFailureIn(error));
      throw error;
    } finally {
      watcher.end();
    }
  }

  async isNew(family: RefreshTokenFamily): Promise<boolean> {
    const key = refreshTokenKey(family);
    const { refreshToken } = await readRefreshToken(this.#store, key, family);
    return this.#lastRead.get(key) !== fingerprintOf([refreshToken]);
  }

  /**
   * Waits for a redemption in flight, which could not write its successor any more: this write has a later lease. Tries
   * a store that fails several times, because a person has just signed in for this token.
   */
  async replace(family: RefreshTokenFamily, refreshToken: Secret, signal: AbortSignal): Promise<void> {
    const store = this.#store;
    const key = refreshTokenKey(family);
    const watcher = new StoreWatcher(store, key);
    const write = async ({ fence }: Lease): Promise<void> =>
      await writeRefreshToken(store, key, { refreshToken, inFlightFor: 0 }, fence);
    try {
      for (let failures = 0; ; ) {
        if (signal.aborted)
          throw new McpAuthError("aborted", `Server "${family.server}": the sign-in was aborted.`);
        const locked = await store.withLock(key, write, { bypass: true }).catch((error: unknown) => {
          failures += 1;
          const isFinal = !(error instanceof McpAuthError && error.retryable) || failures === replaceAttempts;
          if (isFinal) throw error;
          return { acquired: false } as const;
        });
        if (locked.acquired) return;
        await watcher.next(this.#clock, signal);
      }
    } finally {
      watcher.end();
    }
  }

  /**
   * Waits while the token is in flight, even if the process that sent it died, and while this process still writes its
   * successor.
   */
  async #untilFree(
    key: string,
    family: RefreshTokenFamily,
    signal: AbortSignal,
    watcher: StoreWatcher,
  ): Promise<void> {
    for (;;) {
      const unwritten = this.#unwritten.get(key);
      if (unwritten !== undefined) await this.#untilWritten(key, unwritten, signal);
      const { inFlightFor } = await readRefreshToken(this.#store, key, family);
      if (inFlightFor === 0) return;
      await this.#waitForChange(watcher, signal, inFlightFor);
    }
  }

  async #untilWritten(key: string, unwritten: Unwritten, signal: AbortSignal): Promise<void> {
    const ended = new AbortController();
    const either = AbortSignal.any([signal, ended.signal]);
    await Promise.race([
      unwritten.done,
      pause(writingLimit, { clock: this.#clock, signal: either, unref: true }),
    ]);
    ended.abort();
    if (this.#unwritten.get(key) === unwritten)
      throw storeUnavailable(undefined, unwritten.lastAttempt.failure);
  }

  async #waitForChange(watcher: StoreWatcher, signal: AbortSignal, atMost?: number): Promise<void> {
    await watcher.next(this.#clock, signal, atMost);
    if (signal.aborted) throw storeUnavailable();
  }

  async #underLock(
    key: string,
    family: RefreshTokenFamily,
    { timeout, signal }: Limits,
    use: Use,
    lease: Lease,
  ): Promise<IssuedToken | "taken"> {
    const store = this.#store;
    const { refreshToken: current, inFlightFor } = await readRefreshToken(store, key, family);
    this.#lastRead.set(key, fingerprintOf([current]));
    if (inFlightFor > 0 || this.#unwritten.has(key)) return "taken";
    const inFlight = { key, family, current, fence: lease.fence };
    const canceled = new AbortController();
    let isMarked = false;
    let sent = false;
    let status: number | undefined;
    let successor: Secret | undefined;
    // After the request was sent, its outcome must be written even if the caller aborts.
    const onAbort = (): void => void (sent || canceled.abort());
    const assertLease = (): void => {
      if (canceled.signal.aborted || lease.signal.aborted) throw storeUnavailable();
    };
    const redemption: Redemption = {
      current,
      signal: canceled.signal,
      async sending() {
        assertLease();
        isMarked = true;
        await writeRefreshToken(
          store,
          key,
          { refreshToken: current, inFlightFor: timeout + margin },
          lease.fence,
        );
        // The process may have been paused during the write, for longer than its lease.
        assertLease();
        sent = true;
        status = undefined;
      },
      answered(code, next) {
        status = code;
        successor = next;
      },
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const issued = await use(redemption);
      await this.#settle(inFlight, successor ?? current);
      return issued;
    } catch (error) {
      if (isMarked) await this.#afterFailure(inFlight, { error, sent, status, successor });
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #afterFailure(inFlight: InFlight, failure: FailedRedemption): Promise<void> {
    const { key, current: refreshToken, fence } = inFlight;
    // The outcome has been written, or is being written.
    if (this.#unwritten.has(key)) return;
    if (failure.successor !== undefined) {
      await this.#settle(inFlight, failure.successor).catch(ignoreFailure);
      return;
    }
    // The server may still process the request. Until it has finished, no process sends the token again.
    const inFlightFor = wasNotAccepted(failure) ? 0 : margin;
    await writeRefreshToken(this.#store, key, { refreshToken, inFlightFor }, fence).catch(ignoreFailure);
  }

  /** Resolves when the outcome of a redemption is written. If that takes too long it rejects, and the write goes on. */
  async #settle(inFlight: InFlight, successor: Secret): Promise<void> {
    const { key } = inFlight;
    let isWritten = false;
    const lastAttempt: LastAttempt = {};
    const done = this.#write(inFlight, successor, lastAttempt).then((written) => {
      isWritten = written;
      this.#unwritten.delete(key);
    });
    this.#unwritten.set(key, { done, lastAttempt });
    this.#store.mustFinish(done, () => lastAttempt.failure);
    await settledWithin(done, writingLimit, this.#clock);
    if (!isWritten) throw storeUnavailable(undefined, lastAttempt.failure);
  }

  /**
   * Writes the successor, again and again until it is written or another process has written one. Returns `false` if
   * the store was closed before. Never rejects.
   */
  async #write(
    { key, family, current, fence }: InFlight,
    successor: Secret,
    lastAttempt: LastAttempt,
  ): Promise<boolean> {
    const store = this.#store;
    const entry = { refreshToken: successor, inFlightFor: 0 };
    const bypass = { bypass: true };
    const onFailure = (error: unknown): false => {
      lastAttempt.failure = storeFailureIn(error);
      return false;
    };
    const write = async (leaseFence: number): Promise<boolean> =>
      await writeRefreshToken(store, key, entry, leaseFence).then(() => true, onFailure);
    const writeUnderNewLease = async ({ fence: newFence }: Lease): Promise<boolean> => {
      const replaced = { seed: family.seed, refreshToken: current };
      return !(await isLatestRefreshToken(store, key, replaced, bypass)) || (await write(newFence));
    };
    for (let wait = firstPause; ; wait = Math.min(2 * wait, longestPause)) {
      const isLast = store.closing.aborted;
      if (await write(fence)) return true;
      // The lease may have ended, and other processes may have had one since.
      const locked = await store.withLock(key, writeUnderNewLease, bypass).catch(onFailure);
      if (locked !== false && locked.acquired && locked.value) return true;
      if (isLast) return false;
      await pause(wait, { clock: this.#clock, signal: store.closing, unref: true });
    }
  }
}

/** Whether the server certainly did not accept the token. */
function wasNotAccepted({ error, sent, status }: FailedRedemption): boolean {
  if (!sent || (error instanceof McpAuthError && neverArrived(error))) return true;
  // A gateway may send 408, 502 and 504 while the server still processes the request.
  return status !== undefined && status >= 400 && ![408, 502, 504].includes(status);
}

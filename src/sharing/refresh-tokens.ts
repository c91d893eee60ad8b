import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import { pause, settledWithin } from "../lib/wait.js";
import { neverArrived } from "../net/failure.js";
import type { IssuedToken } from "../oauth/grants/grant.js";
import type { Redemption, RefreshTokenFamily, RefreshTokens } from "../oauth/refresh-tokens.js";
import { type StoreFailure, storeFailureIn, storeUnavailable } from "../stores/failure.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import { readRefreshToken, refreshTokenKey, writeRefreshToken } from "./refresh-token-entry.js";
import { StoreWatcher } from "./store-watcher.js";

// Milliseconds for which others wait after the last moment at which an answer may come, and so does this process itself.
const margin = 5_000;
// Milliseconds that a caller waits for what came of it to be written, before it is left to be written behind its back.
const writingLimit = 5_000;
const firstTry = 50;
const longestPause = 1_000;

type Limits = Parameters<RefreshTokens["redeem"]>[1];
type Use = Parameters<RefreshTokens["redeem"]>[2];

/** One redemption that is under way. */
interface UnderWay {
  readonly key: string;
  readonly family: RefreshTokenFamily;
  readonly current: Secret;
  readonly fence: number;
}

/** What came of a redemption, on its way into the store. */
interface Unwritten {
  /** Resolves when it is there, or can be written no more. Never rejects. */
  readonly done: Promise<void>;
  readonly lastTry: LastTry;
}

interface LastTry {
  failure?: StoreFailure | undefined;
}

/** What is known of it when it has failed. */
interface Failure {
  readonly error: unknown;
  /** It has left this process. */
  readonly sent: boolean;
  /** Of the answer, if there was one. */
  readonly status: number | undefined;
  readonly successor: Secret | undefined;
}

/**
 * The latest refresh token of each lineage, in the store. Who redeems one that was redeemed before loses them all, where
 * servers look for that (RFC 9700 §4.14.2). So one process at a time does, after it has written down that it does and for
 * how long; and nobody does who cannot write that down.
 */
export class StoredRefreshTokens implements RefreshTokens {
  readonly #store: SharedStore;
  readonly #clock: Clock;
  /** By entry. */
  readonly #unwritten = new Map<string, Unwritten>();

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
        await this.#next(watcher, limits.signal);
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

  /** Somebody else redeems it, or has died over it; or its successor is still to be written here. */
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
      await this.#next(watcher, signal, inFlightFor);
    }
  }

  async #untilWritten(key: string, unwritten: Unwritten, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    await Promise.race([
      unwritten.done,
      pause(writingLimit, { clock: this.#clock, signal: either, unref: true }),
    ]);
    over.abort();
    if (this.#unwritten.get(key) === unwritten) throw storeUnavailable(undefined, unwritten.lastTry.failure);
  }

  async #next(watcher: StoreWatcher, signal: AbortSignal, atMost?: number): Promise<void> {
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
    if (inFlightFor > 0 || this.#unwritten.has(key)) return "taken";
    const underWay = { key, family, current, fence: lease.fence };
    const calledOff = new AbortController();
    let marked = false;
    let sent = false;
    let status: number | undefined;
    let successor: Secret | undefined;
    // Once it is sent, who asked for it may go: what comes of it has to be written all the same.
    const onAbort = (): void => void (sent || calledOff.abort());
    const assertMine = (): void => {
      if (calledOff.signal.aborted || lease.signal.aborted) throw storeUnavailable();
    };
    const redemption: Redemption = {
      current,
      signal: calledOff.signal,
      async sending() {
        assertMine();
        marked = true;
        await writeRefreshToken(
          store,
          key,
          { refreshToken: current, inFlightFor: timeout + margin },
          lease.fence,
        );
        // This process may have been stopped in the middle of it.
        assertMine();
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
      await this.#settle(underWay, successor ?? current);
      return issued;
    } catch (error) {
      if (marked) await this.#afterFailure(underWay, { error, sent, status, successor });
      throw error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #afterFailure(underWay: UnderWay, failure: Failure): Promise<void> {
    const { key, current: refreshToken, fence } = underWay;
    // Written already, or about to be.
    if (this.#unwritten.has(key)) return;
    if (failure.successor !== undefined) {
      await this.#settle(underWay, failure.successor).catch(ignore);
      return;
    }
    // It may be on its way still, or at work: then nobody sends it again before that has come to an end.
    const inFlightFor = isRefused(failure) ? 0 : margin;
    await writeRefreshToken(this.#store, key, { refreshToken, inFlightFor }, fence).catch(ignore);
  }

  /** Resolves when what came of a redemption is durable. Where that takes long it rejects, and goes on all the same. */
  async #settle(underWay: UnderWay, successor: Secret): Promise<void> {
    const { key } = underWay;
    let isWritten = false;
    const lastTry: LastTry = {};
    const done = this.#write(underWay, successor, lastTry).then((written) => {
      isWritten = written;
      this.#unwritten.delete(key);
    });
    this.#unwritten.set(key, { done, lastTry });
    this.#store.vital(done, () => lastTry.failure);
    await settledWithin(done, writingLimit, this.#clock);
    if (!isWritten) throw storeUnavailable(undefined, lastTry.failure);
  }

  /**
   * Until it is written, or somebody has put another one there; `false` when the store was closed before that. Never
   * rejects.
   */
  async #write(
    { key, family, current, fence }: UnderWay,
    successor: Secret,
    lastTry: LastTry,
  ): Promise<boolean> {
    const store = this.#store;
    const entry = { refreshToken: successor, inFlightFor: 0 };
    const bypass = { bypass: true };
    const note = (error: unknown): false => {
      lastTry.failure = storeFailureIn(error);
      return false;
    };
    const write = async (own: number): Promise<boolean> =>
      await writeRefreshToken(store, key, entry, own).then(() => true, note);
    const writeAnew = async ({ fence: own }: Lease): Promise<boolean> => {
      const { refreshToken } = await readRefreshToken(store, key, family, bypass);
      return refreshToken.reveal() !== current.reveal() || (await write(own));
    };
    for (let wait = firstTry; ; wait = Math.min(2 * wait, longestPause)) {
      const isLast = store.closing.aborted;
      if (await write(fence)) return true;
      // The lease may be lost meanwhile, and others have had one.
      const locked = await store.withLock(key, writeAnew, bypass).catch(note);
      if (locked !== false && locked.acquired && locked.value) return true;
      if (isLast) return false;
      await pause(wait, { clock: this.#clock, signal: store.closing, unref: true });
    }
  }
}

/** Whether it is certain that the server has not taken it. */
function isRefused({ error, sent, status }: Failure): boolean {
  if (!sent || (error instanceof McpAuthError && neverArrived(error))) return true;
  // What stands between may say the last ones, while the server is still at work.
  return status !== undefined && status >= 400 && ![408, 502, 504].includes(status);
}

function ignore(): void {}

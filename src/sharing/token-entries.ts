import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { debugStore } from "../lib/debug.js";
import { untilAborted } from "../lib/wait.js";
import type { CredentialRecorder } from "../secrets/credential-recorder.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import { type RefreshPolicy, timeline } from "../tokens/policy.js";
import type { TokenRequest } from "../tokens/source.js";
import type { Token } from "../tokens/token.js";
import type { Report } from "../tokens/token-event.js";
import { isLaterEntry } from "./stored-format.js";
import { inLocalTime, serializeToken } from "./stored-token.js";
import type { UserWrites } from "./user-writes.js";

export interface TokenEntriesOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  readonly store: SharedStore;
  readonly policy: RefreshPolicy;
  /** Returns the entry for the token that a request would return, `undefined` if that token must not be stored. */
  readonly entryOf: (signal: AbortSignal) => Promise<Entry | undefined>;
  readonly restore: (text: string, signal: AbortSignal) => Promise<Token | undefined>;
  /** Runs each write of a token. Absent for tokens that are not for a user. */
  readonly writes?: UserWrites | undefined;
  /** Returns the current token of the cache. */
  readonly currentToken: () => Token | undefined;
}

/** Where the store has a token, and the secrets that were read to find it. */
export interface Entry {
  readonly key: string;
  /** The secrets that were read to compute the key. The request that may follow uses them. */
  readonly recorder: CredentialRecorder;
}

interface StoredLookup {
  /** The token from the store, if it is usable. */
  readonly usable?: Token;
  /** Whether it needs no renewal yet. */
  readonly isFresh: boolean;
}

const noToken: StoredLookup = { isFresh: false };
const neverAborted = new AbortController().signal;

/**
 * Finds, reads, writes and deletes the entries of one cache in the store. An outage of the store looks like an empty
 * store, and is reported once.
 */
export class TokenEntries {
  readonly #options: TokenEntriesOptions;
  /** With a constant jitter, so that a token does not switch between fresh and stale from one lookup to the next. */
  readonly #policy: RefreshPolicy;
  #latest: Entry | undefined;

  constructor(options: TokenEntriesOptions) {
    const spread = options.policy.random();
    this.#options = options;
    this.#policy = { ...options.policy, random: () => spread };
  }

  /**
   * Finds the entry. If a secret for its key cannot be read, there is none: the token request will fail with the
   * reason.
   */
  async find(signal: AbortSignal = neverAborted): Promise<Entry | undefined> {
    try {
      this.#latest = await untilAborted(this.#options.entryOf(signal), signal, aborted);
      return this.#latest;
    } catch (error) {
      if (error instanceof McpAuthError && !signal.aborted) return undefined;
      throw error;
    }
  }

  /** The entry that was found last. */
  get latest(): Entry | undefined {
    return this.#latest;
  }

  /** Rejects with the codes of the encryption keys if they are missing or wrong, so that nothing could be stored. */
  async assertUsable({ signal }: TokenRequest): Promise<void> {
    await untilAborted(this.#options.store.assertKeys(), signal, aborted);
  }

  /** Returns the token in the store if it is usable and better than the current one. */
  async lookUp({ key }: Entry, request: TokenRequest): Promise<StoredLookup> {
    const { server, store, currentToken, clock } = this.#options;
    const found = await this.tryStore(request, () => store.read(key));
    if (found === undefined || found.kind === "absent") {
      debugStore(server, found === undefined ? "unavailable" : "no token");
      return noToken;
    }
    if (found.kind === "later") return this.#noneOfLaterVersion();
    if (found.kind === "unreadable") {
      debugStore(server, "unreadable entry");
      this.#report("token:warning", request, 0);
      await this.tryStore(request, () => store.quarantine(key, found.raw));
      return noToken;
    }
    if (isLaterEntry(found.text)) return this.#noneOfLaterVersion();
    const restored = await this.#restore(found.text, request.signal);
    if (restored === undefined) return noToken;
    const token = inLocalTime(restored, found.expiresIn, clock.now());
    const { staleAt, unusableAt } = timeline(token, this.#policy);
    const now = clock.now();
    if (now >= unusableAt || !isBetter(token, currentToken(), request)) {
      debugStore(server, "no better token");
      return noToken;
    }
    const isFresh = now < staleAt;
    debugStore(server, isFresh ? "fresh token" : "stale token");
    return { usable: token, isFresh };
  }

  /** Writes a new token. The caller that waits for the token does not wait for a slow store. */
  async keep({ key, recorder }: Entry, token: Token, request: TokenRequest, lease?: Lease): Promise<void> {
    const { server, store, clock, writes } = this.#options;
    const write = async (): Promise<void> => {
      // If a secret was read again, the token may belong to another entry than the one that was found.
      if (!recorder.usedAllPrefetched && (await this.find())?.key !== key) return;
      const expiresIn = token.expiresAt - clock.now();
      if (expiresIn <= 0) return;
      const options = { expiresIn, fence: lease?.fence };
      const put = (): Promise<unknown> =>
        this.#reportOutage(request, () => store.write(key, serializeToken(token), options));
      await (writes === undefined ? put() : writes.run(put));
      debugStore(server, "token written");
    };
    await store.waitBriefly(write());
  }

  /** An access token of a later version counts as absent: another one costs a request, and replaces it. */
  #noneOfLaterVersion(): StoredLookup {
    debugStore(this.#options.server, "entry of a later version");
    return noToken;
  }

  async #restore(text: string, signal: AbortSignal): Promise<Token | undefined> {
    try {
      return await untilAborted(this.#options.restore(text, signal), signal, aborted);
    } catch (error) {
      // The key that the token is bound to cannot be read: the token request will fail with the reason.
      if (error instanceof McpAuthError && !signal.aborted) return undefined;
      throw error;
    }
  }

  /**
   * Runs `work` with the store, and stops waiting when the signal is aborted. Returns `undefined` during an outage,
   * which is reported once. Rejects with all other errors.
   */
  async tryStore<T>(request: TokenRequest, work: () => Promise<T>): Promise<T | undefined> {
    return await untilAborted(this.#reportOutage(request, work), request.signal, aborted);
  }

  async #reportOutage<T>(request: TokenRequest, work: () => Promise<T>): Promise<T | undefined> {
    const { store, clock } = this.#options;
    const started = clock.now();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "store_unavailable") throw error;
      // The message names the kind of failure and the place.
      if (store.takeOutageNotice()) this.#report("store:down", request, clock.now() - started, error.message);
      return undefined;
    }
  }

  #report(
    name: "store:down" | "token:warning",
    { reason, attempt }: TokenRequest,
    durationMs: number,
    message?: string,
  ): void {
    const { server, issuer, report } = this.#options;
    const event = { server, issuer, reason, attempt, durationMs, code: "store_unavailable" } as const;
    report(name, { ...event, ...(message !== undefined && { message }) });
  }
}

/** Whether a token from the store is better than the current one. */
function isBetter(token: Token, current: Token | undefined, { refused }: TokenRequest): boolean {
  if (token.accessToken === refused?.token.accessToken) return false;
  if (current === undefined || token.expiresAt > current.expiresAt) return true;
  // Another process has replaced the refused token already, perhaps with one that expires earlier.
  return refused !== undefined && token.requestedAt > refused.token.requestedAt;
}

/** The caller that aborts the signal replaces this error by a more precise one. */
function aborted(): McpAuthError {
  return new McpAuthError("aborted", "The wait for the store was aborted.");
}

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
import { inOurTime, serializeToken } from "./stored-token.js";

export interface TokenEntriesOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  readonly store: SharedStore;
  readonly policy: RefreshPolicy;
  /** The entry of the token that a request would bring; `undefined` for a token that is not to be stored. */
  readonly entryOf: (signal: AbortSignal) => Promise<Entry | undefined>;
  readonly restore: (text: string, signal: AbortSignal) => Promise<Token | undefined>;
  /** What the cache above has. */
  readonly held: () => Token | undefined;
}

/** Where a token is in the store. */
export interface Entry {
  readonly key: string;
  /** Has the values that the key was computed from, for the request that may follow. */
  readonly reads: CredentialRecorder;
}

interface StoredLookup {
  /** What is there and may be handed out, at least while it is renewed. */
  readonly usable?: Token;
  /** It need not be renewed yet. */
  readonly isFresh: boolean;
}

const nothing: StoredLookup = { isFresh: false };
const unending = new AbortController().signal;

/**
 * The entries of one cache in the store: finds, reads, writes and deletes them. The store is an aid: where it cannot be used
 * everything is as if nothing were there, and that is said once an outage.
 */
export class TokenEntries {
  readonly #options: TokenEntriesOptions;
  /** The same for each look: whether a token is fresh does not change to and fro. */
  readonly #policy: RefreshPolicy;
  #latest: Entry | undefined;

  constructor(options: TokenEntriesOptions) {
    const spread = options.policy.random();
    this.#options = options;
    this.#policy = { ...options.policy, random: () => spread };
  }

  /** What cannot be named because something cannot be read is asked for by itself, and fails of that. */
  async find(signal: AbortSignal = unending): Promise<Entry | undefined> {
    try {
      this.#latest = await untilAborted(this.#options.entryOf(signal), signal, aborted);
      return this.#latest;
    } catch (error) {
      if (error instanceof McpAuthError && !signal.aborted) return undefined;
      throw error;
    }
  }

  /** The one that was found the last time. */
  get latest(): Entry | undefined {
    return this.#latest;
  }

  /** Rejects where nothing could be kept, because a setting is missing or wrong. */
  async assertUsable({ signal }: TokenRequest): Promise<void> {
    await untilAborted(this.#options.store.assertKeys(), signal, aborted);
  }

  /** What is in the store, if it is of more use than what is at hand. */
  async look({ key }: Entry, request: TokenRequest): Promise<StoredLookup> {
    const { server, store, held, clock } = this.#options;
    const found = await this.guarded(request, () => store.read(key));
    if (found === undefined || found.kind === "absent") {
      debugStore(server, found === undefined ? "unavailable" : "no token");
      return nothing;
    }
    if (found.kind === "unreadable") {
      debugStore(server, "unreadable entry");
      this.#report("token:warning", request, 0);
      await this.guarded(request, () => store.quarantine(key, found.raw));
      return nothing;
    }
    const restored = await this.#restore(found.text, request.signal);
    if (restored === undefined) return nothing;
    const token = inOurTime(restored, found.expiresIn, clock.now());
    const { staleAt, unusableAt } = timeline(token, this.#policy);
    const now = clock.now();
    if (now >= unusableAt || !isBetter(token, held(), request)) {
      debugStore(server, "no better token");
      return nothing;
    }
    const isFresh = now < staleAt;
    debugStore(server, isFresh ? "fresh token" : "stale token");
    return { usable: token, isFresh };
  }

  /** Puts a token there that was just got. Whoever waits for the token does not wait for a store that takes its time. */
  async keep({ key, reads }: Entry, token: Token, request: TokenRequest, lease?: Lease): Promise<void> {
    const { server, store, clock } = this.#options;
    const write = async (): Promise<void> => {
      // What was read anew may be for somebody else than a moment ago.
      if (!reads.usedAllPrefetched && (await this.find())?.key !== key) return;
      const expiresIn = token.expiresAt - clock.now();
      if (expiresIn <= 0) return;
      const options = { expiresIn, fence: lease?.fence };
      await this.#said(request, () => store.write(key, serializeToken(token), options));
      debugStore(server, "token written");
    };
    await store.waitBriefly(write());
  }

  async #restore(text: string, signal: AbortSignal): Promise<Token | undefined> {
    try {
      return await untilAborted(this.#options.restore(text, signal), signal, aborted);
    } catch (error) {
      // The key that it is bound to cannot be had: whoever asks for another will say so.
      if (error instanceof McpAuthError && !signal.aborted) return undefined;
      throw error;
    }
  }

  /**
   * Uses the store for as long as somebody waits. `undefined` without it, which is said once an outage. Rejects with
   * everything else.
   */
  async guarded<T>(request: TokenRequest, work: () => Promise<T>): Promise<T | undefined> {
    return await untilAborted(this.#said(request, work), request.signal, aborted);
  }

  async #said<T>(request: TokenRequest, work: () => Promise<T>): Promise<T | undefined> {
    const { store, clock } = this.#options;
    const started = clock.now();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "store_unavailable") throw error;
      // Its message names the kind of failure and the place.
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

/** Whether a token from the store is of more use than the one at hand. */
function isBetter(token: Token, own: Token | undefined, { refused }: TokenRequest): boolean {
  if (token.accessToken === refused?.token.accessToken) return false;
  if (own === undefined || token.expiresAt > own.expiresAt) return true;
  // Another process has replaced it already, perhaps with one that does not last as long.
  return refused !== undefined && token.requestedAt > refused.token.requestedAt;
}

/** Whoever aborts says what it means. */
function aborted(): McpAuthError {
  return new McpAuthError("aborted", "The wait for the store was aborted.");
}

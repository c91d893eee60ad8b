import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { Readings } from "../secrets/readings.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import { Change } from "./change.js";
import type { Report } from "./observer.js";
import { type RefreshPolicy, timeline } from "./policy.js";
import type { TokenRequest, TokenSource } from "./source.js";
import { serializeToken } from "./stored-token.js";
import { Token } from "./token.js";

export interface StoredTokenOptions {
  readonly server: string;
  readonly issuer: string | undefined;
  readonly clock: Clock;
  readonly report: Report;
  readonly store: SharedStore;
  readonly policy: RefreshPolicy;
  /** Milliseconds that somebody else's request may take before one of our own is sent beside it. */
  readonly patience: number;
  /** The name of the token that a request would bring; `undefined` for one that is not to be stored. `kept` gets what is read. */
  readonly entryKey: (signal: AbortSignal, kept: Readings) => Promise<string | undefined>;
  readonly restore: (text: string, signal: AbortSignal) => Promise<Token | undefined>;
  /** What the cache above has. */
  readonly held: () => Token | undefined;
}

interface Entry {
  readonly key: string;
  /** Of all that the key was made of. */
  readonly readings: Readings;
}

interface Look {
  /** What is there and may be handed out, at least while it is renewed. */
  readonly usable?: Token;
  /** It need not be renewed yet. */
  readonly isFresh: boolean;
}

// What is too little to be a difference between two clocks: the time between two looks at one.
const sameTime = 1_000;
const mostRejected = 16;
const nothing: Look = { isFresh: false };

/**
 * Shares the token of one cache with other processes: takes the one that they have put into the store, and lets one of
 * them ask while the others wait. All of this saves requests and is needed for none: without the store each asks by
 * itself, and says so once.
 */
export class StoredTokens {
  readonly #options: StoredTokenOptions;
  /** The same for each look: whether a token is fresh does not change to and fro. */
  readonly #policy: RefreshPolicy;
  /** Refused by the MCP server, and perhaps in the store still. */
  readonly #rejected = new Set<string>();
  /** Of the request under way, as it was when that began. */
  #entry: Entry | undefined;

  constructor(options: StoredTokenOptions) {
    const spread = options.policy.random();
    this.#options = options;
    this.#policy = { ...options.policy, random: () => spread };
  }

  /** The server refused this token: it is not taken from the store any more, and deleted there when it is found. */
  reject(accessToken: string): void {
    this.#rejected.add(accessToken);
    const [oldest] = this.#rejected;
    if (this.#rejected.size > mostRejected && oldest !== undefined) this.#rejected.delete(oldest);
  }

  /** Outside of retries and of the time that a server wants to be left alone: what is there needs no request. */
  first(source: TokenSource): TokenSource {
    return {
      getToken: async (request) => {
        this.#entry = await this.#findEntry(request.signal);
        if (this.#entry !== undefined && request.reason !== "forced") {
          const { usable, isFresh } = await this.#look(this.#entry, request);
          if (usable !== undefined && isFresh) return usable;
        }
        return await source.getToken(request);
      },
    };
  }

  /** Around each attempt: one process asks, the others wait for what it gets. */
  around(source: TokenSource): TokenSource {
    return {
      getToken: async (request) => {
        const entry = request.attempt === 1 ? this.#entry : await this.#findEntry(request.signal);
        if (entry === undefined) return await source.getToken(request);
        if (request.reason === "forced") return await this.#ask(source, request, entry);
        return await this.#shared(source, request, entry);
      },
    };
  }

  async #shared(source: TokenSource, request: TokenRequest, entry: Entry): Promise<Token> {
    const { clock, store, patience } = this.#options;
    const until = clock.now() + patience;
    const change = new Change(store, entry.key);
    try {
      for (;;) {
        const locked = await this.#guarded(request, () =>
          store.withLock(entry.key, (lease) => this.#underLock(source, request, entry, lease)),
        );
        if (locked?.acquired === true) return locked.value;
        // Nobody can be waited for without the store.
        if (locked === undefined || clock.now() >= until) break;
        const present = await this.#look(entry, request);
        // Whoever has the lock renews it, and for that nobody has to wait.
        if (present.usable !== undefined && (present.isFresh || isWaitedFor(request))) return present.usable;
        await change.next(clock, request.signal);
        if (request.signal.aborted) break;
        // Before the next try for the lock: of all those that wait only one would get it.
        const { usable, isFresh } = await this.#look(entry, request);
        if (usable !== undefined && isFresh) return usable;
      }
    } finally {
      change.end();
    }
    return await this.#ask(source, request, entry);
  }

  async #underLock(source: TokenSource, request: TokenRequest, entry: Entry, lease: Lease): Promise<Token> {
    const { usable, isFresh } = await this.#look(entry, request);
    if (usable !== undefined && isFresh) return usable;
    try {
      return await this.#ask(source, request, entry, lease);
    } catch (error) {
      if (usable !== undefined && isWaitedFor(request) && !request.signal.aborted) return usable;
      throw error;
    }
  }

  async #ask(source: TokenSource, request: TokenRequest, entry: Entry, lease?: Lease): Promise<Token> {
    const { key, readings } = entry;
    const token = await source.getToken({ ...request, readings });
    // What was read anew may be for somebody else than a moment ago.
    if (!readings.isExact && (await this.#findEntry(request.signal))?.key !== key) return token;
    const expiresIn = token.expiresAt - this.#options.clock.now();
    if (expiresIn <= 0) return token;
    await this.#guarded(request, () =>
      this.#options.store.write(key, serializeToken(token), { expiresIn, fence: lease?.fence }),
    );
    return token;
  }

  /** What is in the store, if it is of more use than what is at hand. */
  async #look({ key }: Entry, request: TokenRequest): Promise<Look> {
    const { store, held, clock } = this.#options;
    const found = await this.#guarded(request, () => store.read(key));
    if (found === undefined || found.kind === "absent") return nothing;
    if (found.kind === "unreadable") {
      this.#report("token:warning", request, 0);
      await this.#guarded(request, () => store.setAside(key, found.raw));
      return nothing;
    }
    const restored = await this.#restore(found.text, request.signal);
    if (restored === undefined) return nothing;
    if (this.#rejected.has(restored.accessToken)) {
      await this.#guarded(request, () => store.deleteIfStill(key, found.raw));
      return nothing;
    }
    const token = inOurTime(restored, found.expiresIn, clock.now());
    const { staleAt, unusableAt } = timeline(token, this.#policy);
    const now = clock.now();
    const own = held();
    const isBetter = own === undefined || token.expiresAt > own.expiresAt;
    if (now >= unusableAt || !isBetter) return nothing;
    return { usable: token, isFresh: now < staleAt };
  }

  async #restore(text: string, signal: AbortSignal): Promise<Token | undefined> {
    try {
      return await this.#options.restore(text, signal);
    } catch (error) {
      // The key that it is bound to cannot be had: whoever asks for another will say so.
      if (error instanceof McpAuthError) return undefined;
      throw error;
    }
  }

  /** What cannot be named because something cannot be read is asked for by itself, and fails of that. */
  async #findEntry(signal: AbortSignal): Promise<Entry | undefined> {
    const readings = new Readings(this.#options.clock);
    try {
      const key = await this.#options.entryKey(signal, readings);
      return key === undefined ? undefined : { key, readings };
    } catch (error) {
      if (error instanceof McpAuthError) return undefined;
      throw error;
    }
  }

  /** `undefined` without the store, which is said once an outage. Rejects with everything else. */
  async #guarded<T>(request: TokenRequest, work: () => Promise<T>): Promise<T | undefined> {
    const started = this.#options.clock.now();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof McpAuthError) || error.code !== "store_unavailable") throw error;
      const { store, clock } = this.#options;
      if (store.takeNews()) this.#report("store:down", request, clock.now() - started);
      return undefined;
    }
  }

  #report(name: "store:down" | "token:warning", { reason, attempt }: TokenRequest, durationMs: number): void {
    const { server, issuer, report } = this.#options;
    report(name, { server, issuer, reason, attempt, durationMs, code: "store_unavailable" });
  }
}

/** Somebody waits for it, who has none: one that has to be renewed soon is better than a failure, or than a wait. */
function isWaitedFor({ reason }: TokenRequest): boolean {
  return reason === "demand" || reason === "rejected";
}

/**
 * The token as it would be had it been asked for here: by how much the clock of whoever did differs is seen from what the
 * store says is left.
 */
function inOurTime(token: Token, expiresIn: number | undefined, now: number): Token {
  const shift = expiresIn === undefined ? 0 : now + expiresIn - token.expiresAt;
  if (Math.abs(shift) <= sameTime) return token;
  const requestedAt = token.requestedAt + shift;
  return new Token({ ...fieldsOf(token), requestedAt, expiresAt: token.expiresAt + shift });
}

function fieldsOf({ accessToken, tokenType, scopes, issuer, resource, binding }: Token) {
  return { accessToken, tokenType, scopes, issuer, resource, binding };
}

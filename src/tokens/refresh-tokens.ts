import { randomUUID } from "node:crypto";
import { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { parseJsonObject } from "../lib/json-object.js";
import { Secret } from "../lib/secret.js";
import type { IssuedToken } from "../oauth/grant.js";
import type { RefreshTokenLineage, RefreshTokens } from "../oauth/grant-environment.js";
import { storeUnavailable } from "../stores/guard.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import { Change } from "./change.js";
import { hashOf } from "./entry-key.js";

/** What a refresh token is stored as. One of a later version is not understood, and must not be passed over. */
const formatVersion = 1;

// How long after the last moment at which an answer may come the next process still waits.
const margin = 5_000;

interface Entry {
  readonly refreshToken: Secret;
  /** A process has said that it sends this refresh token, and not yet what came of it. */
  readonly redeeming?: { readonly by: string; readonly until: number };
}

/** A redemption that succeeded and whose outcome could not be written yet. */
interface Unwritten {
  readonly before: string;
  readonly successor: Secret;
  readonly issued: IssuedToken | undefined;
}

type Use = Parameters<RefreshTokens["redeem"]>[2];
type Limits = Parameters<RefreshTokens["redeem"]>[1];

/**
 * The latest refresh token of each lineage, in the store. Who redeems one that was redeemed before loses them all, where
 * servers look for that (RFC 9700 §4.14.2). So one process at a time does, after it has written down that it will and
 * until when; and nobody does who cannot write down what comes of it.
 */
export class StoredRefreshTokens implements RefreshTokens {
  readonly #store: SharedStore;
  readonly #clock: Clock;
  /** Names this process in what it writes. */
  readonly #self = randomUUID();
  readonly #unwritten = new Map<string, Unwritten>();
  /** Those that a request of this process is under way for. */
  readonly #underWay = new Set<string>();

  constructor({ store, clock }: { readonly store: SharedStore; readonly clock: Clock }) {
    this.#store = store;
    this.#clock = clock;
  }

  async redeem(lineage: RefreshTokenLineage, limits: Limits, use: Use): Promise<IssuedToken> {
    const key = refreshTokenKey(lineage);
    const change = new Change(this.#store, key);
    try {
      return await this.#whenFree(key, lineage, limits, use, change);
    } catch (error) {
      const isUnnamed = error instanceof McpAuthError && error.server === undefined;
      if (isUnnamed && error.code === "store_unavailable") throw storeUnavailable(lineage.server);
      throw error;
    } finally {
      change.end();
    }
  }

  async #whenFree(
    key: string,
    lineage: RefreshTokenLineage,
    limits: Limits,
    use: Use,
    change: Change,
  ): Promise<IssuedToken> {
    for (;;) {
      const locked = await this.#store.withLock(key, (lease) =>
        this.#underLock(key, lineage, limits, use, lease),
      );
      if (locked.acquired && locked.value !== "taken") return locked.value;
      // Somebody else redeems it, or has died over it: nothing else can be done than to wait.
      await change.next(this.#clock, limits.signal);
      if (limits.signal.aborted) throw storeUnavailable(lineage.server);
    }
  }

  async #underLock(
    key: string,
    lineage: RefreshTokenLineage,
    { timeout, signal }: Limits,
    use: Use,
    { fence }: Lease,
  ): Promise<IssuedToken | "taken"> {
    const { server } = lineage;
    const { refreshToken: current, redeeming } = await this.#read(key, lineage);
    const unwritten = this.#unwritten.get(key);
    this.#unwritten.delete(key);
    // Only what is still in place is succeeded: somebody may have put everything anew meanwhile.
    if (unwritten !== undefined && unwritten.before === current.reveal()) {
      await this.#settle(key, server, unwritten, fence);
      if (unwritten.issued !== undefined) return unwritten.issued;
      return "taken";
    }
    const now = this.#clock.now();
    if (this.#underWay.has(key)) return "taken";
    if (redeeming !== undefined && redeeming.by !== this.#self && now < redeeming.until) {
      // One that is too far away is of a clock that was set back.
      if (redeeming.until - now < 10 * (timeout + margin)) return "taken";
    }
    const until = now + timeout + margin;
    await this.#write(key, { refreshToken: current, redeeming: { by: this.#self, until } }, server, fence);
    let successor: Secret | undefined;
    const keep = (next: Secret): void => {
      successor = next;
    };
    this.#underWay.add(key);
    try {
      const issued = await use(current, keep);
      await this.#settle(
        key,
        server,
        { before: current.reveal(), successor: successor ?? current, issued },
        fence,
      );
      return issued;
    } catch (error) {
      await this.#afterFailure(key, server, { current, successor, error, signal }, fence);
      throw error;
    } finally {
      this.#underWay.delete(key);
    }
  }

  /** Writes what came of a redemption; what cannot be written is kept in mind, and is the first thing done the next time. */
  async #settle(key: string, server: string, outcome: Unwritten, fence: number): Promise<void> {
    this.#unwritten.set(key, outcome);
    await this.#write(key, { refreshToken: outcome.successor }, server, fence);
    this.#unwritten.delete(key);
  }

  async #afterFailure(
    key: string,
    server: string,
    failed: {
      readonly current: Secret;
      readonly successor: Secret | undefined;
      readonly error: unknown;
      readonly signal: AbortSignal;
    },
    fence: number,
  ): Promise<void> {
    const { current, successor, error, signal } = failed;
    // Written already, or in mind.
    if (this.#unwritten.has(key)) return;
    if (successor !== undefined) {
      const outcome = { before: current.reveal(), successor, issued: undefined };
      await this.#settle(key, server, outcome, fence).catch(() => {});
      return;
    }
    // What was refused was not redeemed. After anything else nobody knows, and others give it time to come out.
    if (signal.aborted || !(error instanceof McpAuthError) || error.retryable) return;
    await this.#write(key, { refreshToken: current }, server, fence).catch(() => {});
  }

  async #read(key: string, { server, seed }: RefreshTokenLineage): Promise<Entry> {
    const found = await this.#store.read(key);
    if (found.kind === "absent") return { refreshToken: seed };
    const entry = found.kind === "value" ? parse(found.text) : undefined;
    if (entry !== undefined) return entry;
    throw new McpAuthError(
      "store_unavailable",
      `Server "${server}": the refresh token in the store cannot be read: it is damaged, of a later version of this package, ` +
        'or sealed with a key that is not among those of "encryptionKey". Name that key again; or get a new refresh token and ' +
        'put it where the grant\'s "refreshToken" is read.',
      { server },
    );
  }

  async #write(
    key: string,
    { refreshToken, redeeming }: Entry,
    server: string,
    fence: number,
  ): Promise<void> {
    const text = JSON.stringify({
      v: formatVersion,
      refreshToken: refreshToken.reveal(),
      ...(redeeming && { redeeming }),
    });
    // Somebody has a later lease: what they do with it is theirs, and they will have seen what was written here before.
    if (!(await this.#store.write(key, text, { fence }))) throw storeUnavailable(server);
  }
}

/** Another seed is another lineage: what was stored for the one before is not found any more. */
export function refreshTokenKey({ issuer, clientId, seed }: Omit<RefreshTokenLineage, "server">): string {
  return `${refreshTokenPrefix({ issuer, clientId })}${hashOf(seed.reveal())}`;
}

/** What the keys of all lineages of one client begin with. */
export function refreshTokenPrefix({
  issuer,
  clientId,
}: Pick<RefreshTokenLineage, "issuer" | "clientId">): string {
  return `refresh.${hashOf([issuer, clientId ?? null])}.`;
}

function parse(text: string): Entry | undefined {
  const fields = parseJsonObject(text);
  if (fields === undefined || fields["v"] !== formatVersion) return undefined;
  const { refreshToken, redeeming } = fields;
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  const entry = { refreshToken: new Secret(refreshToken) };
  if (typeof redeeming !== "object" || redeeming === null) return entry;
  const { by, until }: { by?: unknown; until?: unknown } = redeeming;
  return typeof by === "string" && typeof until === "number" ? { ...entry, redeeming: { by, until } } : entry;
}

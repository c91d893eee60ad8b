import type { McpAuth, TokenEvent } from "../../index.js";
import type { Entry, ProxyEntry, Renewal, ServerHistory } from "./messages.js";

/** Entries and renewals that are kept for one server, and for all. With many servers, each has a smaller share. */
const entryLimits = { all: 50_000, most: 40, least: 5 };
const renewalLimits = { all: 40_000, most: 24, least: 4 };
const maxServers = 20_000;
const maxProxyEntries = 100;
/** Characters. Messages are written for one line of a log. */
const longestMessage = 1_000;
/** Milliseconds. The same failure within this time continues the previous one, also if a token arrived in between. */
const sameOccurrence = 10 * 60_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Mutable<Entry>;

/** What happened to one server. Routine renewals are kept apart, so that they never displace a failure or a change. */
class Track {
  issuer: string | undefined;
  issued: { readonly at: number; readonly expiresAt: number | undefined } | undefined;
  renewals: Renewal[] = [];
  renewalCount = 0;
  firstRenewalAt: number | undefined;
  entries: Draft[] = [];
  dropped = 0;
  version = 0;
}

/**
 * Remembers what happened to the tokens of the served servers: when, why, and by which code. It is bounded, and contains
 * no secret and no text of a server.
 */
export class History {
  readonly #tracks = new Map<string, Track>();
  readonly #proxyEntries: ProxyEntry[] = [];
  readonly #removers: readonly (() => void)[];
  readonly #isServed: (server: string) => boolean;
  readonly #now: () => number;
  readonly #listeners: (() => void)[] = [];
  /** Of all servers, so that one that is removed and added again has no version twice. */
  #latestVersion = 0;

  constructor(auth: Pick<McpAuth, "on">, isServed: (server: string) => boolean, now: () => number) {
    this.#isServed = isServed;
    this.#now = now;
    const note = (kind: Entry["kind"]) => (event: TokenEvent) => this.#note(kind, event);
    this.#removers = [
      auth.on("token:renewed", (event) => this.#renewed(event)),
      auth.on("token:failed", note("failed")),
      auth.on("token:warning", note("warning")),
      auth.on("token:rejected", note("rejected")),
      auth.on("token:cooldown", (event) => this.#coolingDown(event)),
      auth.on("store:down", note("store")),
      auth.on("secret:changed", note("secret")),
      auth.on("key:rotated", note("key")),
      auth.on("config:reloaded", ({ added, changed, removed }) => {
        for (const server of removed) this.#tracks.delete(server);
        const changes = { added: added.length, changed: changed.length, removed: removed.length };
        this.noteProxy({ kind: "reloaded", at: now(), changes });
      }),
    ];
    this.#proxyEntries.push({ kind: "started", at: now() });
  }

  get proxyEntries(): readonly ProxyEntry[] {
    return this.#proxyEntries;
  }

  /** Called after each event. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  noteProxy(entry: ProxyEntry): void {
    this.#proxyEntries.push(entry);
    if (this.#proxyEntries.length > maxProxyEntries) this.#proxyEntries.shift();
    for (const listener of this.#listeners) listener();
  }

  /** Returns a number that changes with each event of a server. */
  versionOf(server: string): number {
    return this.#tracks.get(server)?.version ?? 0;
  }

  /** @param expiresAt of the current token */
  of(server: string, expiresAt: number | undefined): ServerHistory | undefined {
    const track = this.#tracks.get(server);
    if (track === undefined) return undefined;
    const { issuer, issued, renewals, renewalCount, firstRenewalAt, entries, dropped } = track;
    const isCurrent = issued !== undefined && issued.expiresAt === expiresAt;
    return {
      ...(issuer !== undefined && { issuer }),
      ...(isCurrent && { issuedAt: issued.at }),
      ...(firstRenewalAt !== undefined && { firstRenewalAt }),
      ...{ renewals, renewalCount, entries, dropped },
    };
  }

  stop(): void {
    for (const remove of this.#removers) remove();
  }

  #renewed({ server, issuer, reason, expiresAt }: TokenEvent): void {
    const track = this.#track(server, issuer);
    if (track === undefined) return;
    const at = this.#now();
    track.issued = { at, expiresAt };
    track.renewals.push([at, reason]);
    track.renewals.splice(0, track.renewals.length - this.#share(renewalLimits));
    track.renewalCount += 1;
    track.firstRenewalAt ??= at;
    for (const entry of track.entries) if (isProblem(entry)) entry.recoveredAt ??= at;
    this.#changed(track);
  }

  #note(kind: Entry["kind"], event: TokenEvent): void {
    const track = this.#track(event.server, event.issuer);
    if (track === undefined) return;
    const at = this.#now();
    const entry: Draft = { kind, at, lastAt: at, count: 1, ...described(event) };
    const index = track.entries.findLastIndex((each) => isSame(each, entry));
    const same = track.entries[index];
    if (same !== undefined && (same.recoveredAt === undefined || at - same.lastAt < sameOccurrence)) {
      continued(same, entry);
      // What still happens is dropped last.
      track.entries.splice(index, 1);
      track.entries.push(same);
    } else this.#add(track, entry);
    this.#changed(track);
  }

  /** A pause follows a failure, which was reported just before in most cases. */
  #coolingDown(event: TokenEvent): void {
    const track = this.#track(event.server, event.issuer);
    if (track === undefined) return;
    const at = this.#now();
    const cause = track.entries.findLast(
      ({ kind, code, recoveredAt }) => kind === "failed" && code === event.code && recoveredAt === undefined,
    );
    const pausedUntil = at + event.durationMs;
    if (cause !== undefined) cause.pausedUntil = pausedUntil;
    else this.#add(track, { kind: "cooldown", at, lastAt: at, count: 1, ...described(event), pausedUntil });
    this.#changed(track);
  }

  #add(track: Track, entry: Draft): void {
    track.entries.push(entry);
    const dropped = track.entries.splice(0, track.entries.length - this.#share(entryLimits));
    track.dropped += dropped.length;
  }

  #track(server: string, issuer: string | undefined): Track | undefined {
    const known = this.#tracks.get(server);
    if (known === undefined && (this.#tracks.size >= maxServers || !this.#isServed(server))) return undefined;
    const track = known ?? new Track();
    if (known === undefined) this.#tracks.set(server, track);
    track.issuer = issuer ?? track.issuer;
    return track;
  }

  #changed(track: Track): void {
    this.#latestVersion += 1;
    track.version = this.#latestVersion;
    for (const listener of this.#listeners) listener();
  }

  #share({ all, most, least }: typeof entryLimits): number {
    return Math.max(Math.min(Math.floor(all / this.#tracks.size), most), least);
  }
}

/** Whether an entry ends with the next token. */
function isProblem({ kind }: Entry): boolean {
  return kind === "failed" || kind === "cooldown" || kind === "rejected";
}

function described({
  reason,
  code,
  oauthError,
  message,
}: TokenEvent): Pick<Entry, "reason"> & Partial<Entry> {
  return {
    reason,
    ...(code !== undefined && { code }),
    ...(oauthError !== undefined && { oauthError }),
    ...(message !== undefined && { message: message.slice(0, longestMessage) }),
  };
}

/** Messages about the same thing differ in numbers, such as seconds to wait. A change is never the same as another. */
function isSame(one: Entry, other: Entry): boolean {
  if (one.kind === "secret" || one.kind === "key") return false;
  const text = ({ message = "" }: Entry): string => message.replaceAll(/\d+/g, "0");
  return (
    one.kind === other.kind &&
    one.code === other.code &&
    one.oauthError === other.oauthError &&
    text(one) === text(other)
  );
}

function continued(entry: Draft, { at, reason, message }: Draft): void {
  entry.lastAt = at;
  entry.count += 1;
  entry.reason = reason;
  if (message !== undefined) entry.message = message;
  delete entry.recoveredAt;
  delete entry.pausedUntil;
}

import type { McpAuth, TokenEvent } from "../../index.js";
import type { Calls, Entry, ProxyEntry, Renewal, ServerHistory } from "./messages.js";

/** Entries and renewals that are kept for one server, and for all. With many servers, each has a smaller share. */
const entryLimits = { all: 50_000, most: 40, least: 5 };
const renewalLimits = { all: 40_000, most: 24, least: 4 };
const maxServers = 20_000;
const maxProxyEntries = 100;
/** Characters. Messages are written for one line of a log. */
const longestMessage = 1_000;
/** Milliseconds. The same failure within this time continues the previous one, also if a token arrived in between. */
const sameOccurrence = 10 * 60_000;

/** Calls of one server whose outcomes are kept, as bits of a number. */
const maxCalls = 20;

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
  /** The latest calls, one bit each: 1 if it failed. */
  calls = { outcomes: 0, count: 0 };
  lastFailedCall: (NonNullable<Calls["lastFailed"]> & { readonly isAboutToken: boolean }) | undefined;
  /** Failed calls since the last one that succeeded. */
  failedInRow = 0;
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
      auth.on("store:down", (event) => {
        this.#note("store", event);
        this.noteStore(event.message ?? "The store cannot be used.");
      }),
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

  /** The store cannot be used for this reason, or it can be used again. */
  noteStore(failure: string | undefined): void {
    const index = this.#proxyEntries.findIndex(({ kind, until }) => kind === "store" && until === undefined);
    const open = this.#proxyEntries[index];
    const at = this.#now();
    if (failure !== undefined) {
      if (open === undefined)
        this.noteProxy({ kind: "store", at, message: failure.slice(0, longestMessage) });
      return;
    }
    if (open === undefined) return;
    this.#proxyEntries[index] = { ...open, until: at };
    for (const track of this.#tracks.values()) {
      const down = track.entries.filter(
        ({ kind, recoveredAt }) => kind === "store" && recoveredAt === undefined,
      );
      for (const entry of down) entry.recoveredAt = at;
      if (down.length > 0) this.#changed(track);
    }
  }

  /** A call that was passed on has failed with this code, or the server has answered. */
  noteCall(server: string, failure: { readonly code: string; readonly message?: string } | undefined): void {
    const track = this.#track(server, undefined);
    if (track === undefined) return;
    const at = this.#now();
    const { calls } = track;
    const failed = failure === undefined ? 0 : 1;
    track.calls = {
      outcomes: ((calls.outcomes << 1) | failed) & (2 ** maxCalls - 1),
      count: Math.min(calls.count + 1, maxCalls),
    };
    if (failure === undefined) {
      const isNews = track.failedInRow > 0 || track.calls.outcomes !== calls.outcomes;
      track.failedInRow = 0;
      let hasEnded = false;
      for (const entry of track.entries) {
        if (!endsWithAnswer(entry) || entry.recoveredAt !== undefined) continue;
        entry.recoveredAt = at;
        hasEnded = true;
      }
      // Most calls succeed, and change nothing that the page shows.
      if (isNews || hasEnded) this.#changed(track);
      return;
    }
    track.failedInRow += 1;
    const { code, message } = failure;
    // The message of a token request is in the entry of that request.
    const request = track.entries.findLast(
      (entry) => entry.kind === "failed" && entry.code === code && entry.recoveredAt === undefined,
    );
    const isAboutToken = request !== undefined && sameText(request.message, message);
    track.lastFailedCall = { at, code, isAboutToken };
    this.#addOrContinue(track, {
      ...{ kind: "calls", at, lastAt: at, count: 1, reasons: [], code },
      ...(isAboutToken
        ? { isAboutToken }
        : message !== undefined && { message: message.slice(0, longestMessage) }),
    });
    this.#changed(track);
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
      ...(track.calls.count > 0 && { calls: callsOf(track) }),
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
    for (const entry of track.entries) {
      if (endsWithToken(entry)) entry.recoveredAt ??= at;
      else if (entry.kind === "rejected" && entry.recoveredAt === undefined)
        entry.tokens = (entry.tokens ?? 0) + 1;
    }
    if (track.lastFailedCall?.isAboutToken === true) track.failedInRow = 0;
    this.#changed(track);
  }

  #note(kind: Entry["kind"], event: TokenEvent): void {
    const track = this.#track(event.server, event.issuer);
    if (track === undefined) return;
    const at = this.#now();
    const entry: Draft = { kind, at, lastAt: at, count: 1, ...described(event) };
    this.#addOrContinue(track, entry);
    this.#changed(track);
  }

  #addOrContinue(track: Track, entry: Draft): void {
    const index = track.entries.findLastIndex((each) => isSame(each, entry));
    const same = track.entries[index];
    if (same !== undefined && (same.recoveredAt === undefined || entry.at - same.lastAt < sameOccurrence)) {
      continued(same, entry);
      // What still happens is dropped last.
      track.entries.splice(index, 1);
      track.entries.push(same);
    } else this.#add(track, entry);
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

/** Whether an entry ends with the next token. For a new key or secret, that is when it was accepted. */
function endsWithToken({ kind, isAboutToken }: Entry): boolean {
  return ["failed", "cooldown", "secret", "key"].includes(kind) || isAboutToken === true;
}

/** Whether an entry ends when the server answers a call. A new token may be refused too. */
function endsWithAnswer({ kind }: Entry): boolean {
  return kind === "calls" || kind === "rejected";
}

function callsOf({ calls: { outcomes, count }, lastFailedCall, failedInRow }: Track): Calls {
  let failed = 0;
  for (let rest = outcomes; rest > 0; rest >>>= 1) failed += rest & 1;
  return {
    count,
    failed,
    failedInRow,
    ...(lastFailedCall !== undefined && { lastFailed: { at: lastFailedCall.at, code: lastFailedCall.code } }),
  };
}

function described({
  reason,
  code,
  oauthError,
  message,
}: TokenEvent): Pick<Entry, "reasons"> & Partial<Entry> {
  return {
    reasons: [reason],
    ...(code !== undefined && { code }),
    ...(oauthError !== undefined && { oauthError }),
    ...(message !== undefined && { message: message.slice(0, longestMessage) }),
  };
}

/** Messages about the same thing differ in numbers, such as seconds to wait. A change is never the same as another. */
function isSame(one: Entry, other: Entry): boolean {
  if (one.kind === "secret" || one.kind === "key") return false;
  return (
    one.kind === other.kind &&
    one.code === other.code &&
    one.oauthError === other.oauthError &&
    one.isAboutToken === other.isAboutToken &&
    sameText(one.message, other.message)
  );
}

function sameText(one = "", other = ""): boolean {
  return one.replaceAll(/\d+/g, "0") === other.replaceAll(/\d+/g, "0");
}

function continued(entry: Draft, { at, reasons, message }: Draft): void {
  entry.lastAt = at;
  entry.count += 1;
  entry.reasons = [...new Set([...entry.reasons, ...reasons])];
  if (entry.recoveredAt !== undefined) {
    entry.resumedAt = at;
    delete entry.tokens;
  }
  if (message !== undefined) entry.message = message;
  delete entry.recoveredAt;
  delete entry.pausedUntil;
}

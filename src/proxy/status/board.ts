import type { ServerResponse } from "node:http";
import { findingsIn } from "../../errors/findings.js";
import type { TokenManagerStatus } from "../../index.js";
import type { Clock } from "../../lib/clock.js";
import { version } from "../../lib/version.js";
import { ownHeaders } from "../passed-headers.js";
import type { History } from "./history.js";
import type { Beat, ProxyView, ServerView } from "./messages.js";
import { StatusStream } from "./stream.js";

export interface BoardSource {
  readonly clock: Clock;
  readonly statuses: () => readonly TokenManagerStatus[];
  readonly history: History;
  readonly readiness: () => { readonly ready: boolean; readonly since: number };
  /** `undefined` if the config has no store. */
  readonly store: () => { readonly failure?: string } | undefined;
  readonly startedAt: number;
}

/** Each viewer has one stream. */
const maxStreams = 8;
/** Milliseconds between two looks at all servers: after an event, and without one. */
const afterEvent = 500;
const withoutEvent = 2_000;
/** A look at all servers may take this part of the time of a processor. */
const busyPart = 0.02;
/** A viewer who hears nothing for thirty seconds connects again, so no pause is longer than this. */
const longestPause = 10_000;
const beatInterval = 10_000;

interface Row {
  readonly status: TokenManagerStatus;
  readonly historyVersion: number;
  readonly text: string;
}

/**
 * Sends the state of all servers to the viewers of the status page, and then what changes. Without a viewer it does
 * nothing and keeps nothing. With one, it looks at all servers again and again, so that any number of events costs the
 * same.
 */
export class StatusBoard {
  readonly #source: BoardSource;
  readonly #streams = new Set<StatusStream>();
  readonly #rows = new Map<string, Row>();
  #proxy = "";
  #timer: ReturnType<Clock["setTimeout"]> | undefined;
  #nextLookAt = Number.POSITIVE_INFINITY;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #lookTook = 0;
  #beatAt = 0;
  #stopped = false;

  constructor(source: BoardSource) {
    this.#source = source;
    source.history.onChange(() => this.#plan(afterEvent));
  }

  /** Whether another viewer is possible. */
  get hasRoom(): boolean {
    return !this.#stopped && this.#streams.size < maxStreams;
  }

  open(response: ServerResponse): void {
    if (this.#streams.size === 0) {
      this.#look();
      // It also wrote the state of every server, which the next looks do not.
      this.#lookTook = 0;
    }
    response.writeHead(200, { ...ownHeaders("text/event-stream"), "x-accel-buffering": "no" });
    const stream = new StatusStream(response, (server) => this.#rows.get(server)?.text);
    this.#streams.add(stream);
    response.once("close", () => {
      this.#streams.delete(stream);
      if (this.#streams.size > 0) return;
      this.#timer?.cancel();
      this.#nextLookAt = Number.POSITIVE_INFINITY;
      this.#rows.clear();
    });
    this.#beat(stream);
    stream.send("proxy", this.#proxy);
    stream.sendAll(this.#rows.keys());
    this.#plan(withoutEvent);
  }

  /** Ends all streams at once. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    this.#rows.clear();
  }

  /** Plans the next look, after `delay` milliseconds unless the previous one took too long. */
  #plan(delay: number): void {
    if (this.#streams.size === 0 || this.#stopped) return;
    const { clock } = this.#source;
    const now = clock.now();
    // After the clock was set back, the previous look lies in the future.
    const lookedAt = Math.min(this.#lookedAt, now);
    const at = Math.max(now, lookedAt + Math.min(Math.max(delay, this.#lookTook / busyPart), longestPause));
    if (at >= this.#nextLookAt) return;
    this.#nextLookAt = at;
    this.#timer?.cancel();
    this.#timer = clock.setTimeout(() => {
      this.#nextLookAt = Number.POSITIVE_INFINITY;
      this.#look();
      this.#plan(withoutEvent);
    }, at - now);
    this.#timer.unref();
  }

  #look(): void {
    const { clock, statuses } = this.#source;
    const startedAt = clock.now();
    this.#noteProxy();
    const found = statuses();
    const names = new Set<string>();
    for (const status of found) {
      names.add(status.server);
      if (this.#note(status)) for (const stream of this.#streams) stream.changed(status.server);
    }
    for (const server of this.#rows.keys()) {
      if (names.has(server)) continue;
      this.#rows.delete(server);
      for (const stream of this.#streams) stream.changed(server);
    }
    const isBeatDue = Math.abs(startedAt - this.#beatAt) >= beatInterval;
    for (const stream of this.#streams) {
      stream.flush(startedAt);
      if (isBeatDue) this.#beat(stream);
    }
    this.#lookedAt = startedAt;
    this.#lookTook = Math.max(clock.now() - startedAt, 0);
  }

  /** Returns whether a server has changed. */
  #note(status: TokenManagerStatus): boolean {
    const { history } = this.#source;
    const { server } = status;
    const previous = this.#rows.get(server);
    const historyVersion = history.versionOf(server);
    if (previous?.historyVersion === historyVersion && isSameStatus(previous.status, status)) return false;
    const text = JSON.stringify(this.#view(status));
    this.#rows.set(server, { status, historyVersion, text });
    return true;
  }

  #view({ lastError, ...status }: TokenManagerStatus): ServerView {
    const history = this.#source.history.of(status.server, status.expiresAt);
    return {
      ...status,
      ...(lastError !== undefined && {
        lastError: { code: lastError.code, message: lastError.message, findings: findingsIn(lastError) },
      }),
      ...(history !== undefined && { history }),
    };
  }

  #noteProxy(): void {
    const { history, readiness, store, startedAt } = this.#source;
    const { ready, since: readySince } = readiness();
    const stored = store();
    const view: ProxyView = {
      ...{ version, pid: process.pid, startedAt, ready, readySince },
      ...(stored !== undefined && { store: stored }),
      entries: history.proxyEntries,
    };
    const text = JSON.stringify(view);
    if (text === this.#proxy) return;
    this.#proxy = text;
    for (const stream of this.#streams) stream.send("proxy", text);
  }

  #beat(stream: StatusStream): void {
    this.#beatAt = this.#source.clock.now();
    const beat: Beat = { now: this.#beatAt, waiting: stream.waiting };
    stream.send("beat", JSON.stringify(beat));
  }
}

function isSameStatus(one: TokenManagerStatus, other: TokenManagerStatus): boolean {
  return (
    one.state === other.state &&
    one.expiresAt === other.expiresAt &&
    one.nextRefreshAt === other.nextRefreshAt &&
    one.rejectedAt === other.rejectedAt &&
    one.kid === other.kid &&
    one.lastError === other.lastError
  );
}

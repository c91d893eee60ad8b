import type { Clock } from "../lib/clock.js";
import { narrowed, type OffsetRange, offsetRange, smallestOffset } from "./clock-offset.js";

/** Milliseconds. A smaller difference is not made up for: what we sign is dated back far enough to be taken. */
export const toleratedSkew = 2_000;
/** Milliseconds. A larger difference is only reported: one of the two clocks is plainly wrong. */
export const mostCorrectedSkew = 600_000;

/** Milliseconds by which two differences count as one when they are reported. */
const sameSkew = 5_000;
/** Reports for one origin, whose servers may have any number of clocks. */
const mostReports = 10;
// Far more than one runtime meets. A server that names origins without end only displaces the oldest.
const mostOrigins = 1_000;

/** Milliseconds that the clock of a server is ahead of ours, negative when it is behind. */
export interface ClockSkew {
  readonly offset: number;
  /** What we sign for the server is made in its time. */
  readonly isCorrected: boolean;
}

/** Of one origin. */
interface Known {
  /** Of its clock; `undefined` before its first response. */
  range?: OffsetRange;
  /** Something was signed for it, so that the difference matters. */
  isSignedFor: boolean;
  readonly reported: number[];
}

/** The time that one request is signed in: that of the server which it is for. */
export interface SigningTime {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Whether something was signed in a time that by now is known to be another one than the server's. */
  readonly isOutdated: boolean;
  /** How far the two clocks differ, where something was signed and the difference is too large to be made up for. */
  readonly uncorrected: number | undefined;
}

/**
 * How far the clocks of servers differ from ours, by origin, as the `Date` of their responses tells. In memory alone, for one
 * runtime. It is used for what we sign, and for nothing else: when a token expires is measured by our clock.
 */
export class ServerClocks {
  readonly #clock: Pick<Clock, "now">;
  readonly #known = new Map<string, Known>();

  constructor(clock: Pick<Clock, "now">) {
    this.#clock = clock;
  }

  /** Milliseconds since the epoch, by our clock. */
  now(): number {
    return this.#clock.now();
  }

  /** The time to sign a request to this URL in. Made for one request. */
  at(url: string | URL): SigningTime {
    const origin = originOf(url);
    const clock = this.#clock;
    const offset = () => offsetOf(this.#known.get(origin));
    const markSigned = () => {
      this.#latest(origin).isSignedFor = true;
    };
    let applied: number | undefined;
    return {
      now() {
        markSigned();
        applied = correction(offset());
        return clock.now() + applied;
      },
      get isOutdated() {
        return applied !== undefined && Math.abs(correction(offset()) - applied) > toleratedSkew;
      },
      get uncorrected() {
        const present = offset();
        return applied !== undefined && Math.abs(present) > mostCorrectedSkew ? present : undefined;
      },
    };
  }

  /**
   * The difference to the server at this URL, where something was signed for it and the difference was not reported yet.
   * It counts as reported from now on.
   */
  takeReport(url: string | URL): ClockSkew | undefined {
    const known = this.#known.get(originOf(url));
    if (known?.isSignedFor !== true) return undefined;
    const offset = offsetOf(known);
    const { reported } = known;
    if (Math.abs(offset) <= toleratedSkew || reported.length === mostReports) return undefined;
    const isCorrected = Math.abs(offset) <= mostCorrectedSkew;
    const isKnown = (earlier: number) =>
      Math.abs(earlier - offset) <= sameSkew && Math.abs(earlier) <= mostCorrectedSkew === isCorrected;
    if (reported.some(isKnown)) return undefined;
    reported.push(offset);
    return { offset, isCorrected };
  }

  /** Learns from the `Date` of a response to a request that was sent at `sentAt` by our clock. */
  note(
    { input, init }: { readonly input: string | URL | Request; readonly init: RequestInit | undefined },
    response: Response,
    sentAt: number,
  ): void {
    // What comes after a redirect may be another server's.
    if (response.redirected || response.type === "opaqueredirect") return;
    const { headers } = response;
    const isUncached = !isCacheable(input, init) || /\bno-store\b/i.test(headers.get("cache-control") ?? "");
    const range = offsetRange({ sentAt, receivedAt: this.#clock.now(), headers, isUncached });
    if (range === undefined) return;
    const known = this.#latest(originOf(input instanceof Request ? input.url : input));
    known.range = narrowed(known.range, range);
  }

  /** What is known of an origin, as the last in the map, of which the first makes room. */
  #latest(origin: string): Known {
    const known = this.#known.get(origin) ?? { isSignedFor: false, reported: [] };
    this.#known.delete(origin);
    this.#known.set(origin, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= mostOrigins) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

function offsetOf(known: Known | undefined): number {
  return known?.range === undefined ? 0 : smallestOffset(known.range);
}

/** What is added to our time for what we sign. */
function correction(offset: number): number {
  const size = Math.abs(offset);
  return size > toleratedSkew && size <= mostCorrectedSkew ? offset : 0;
}

/** RFC 9110 §9.2.3: in practice no cache answers anything but these. */
function isCacheable(input: string | URL | Request, init: RequestInit | undefined): boolean {
  const method = init?.method ?? (input instanceof Request ? input.method : "GET");
  return /^(?:GET|HEAD)$/i.test(method);
}

function originOf(url: string | URL): string {
  return (typeof url === "string" ? new URL(url) : url).origin;
}

/**
 * Returns the warning about a clock that differs from ours.
 *
 * @param owner the server with that clock, as the config names it
 */
export function clockSkewMessage(server: string, owner: string, { offset, isCorrected }: ClockSkew): string {
  const consequence = isCorrected
    ? "Assertions and DPoP proofs for it are made in its time."
    : `That is more than the ${mostCorrectedSkew / 1_000} s that can be corrected, so it may reject assertions and DPoP proofs.`;
  return (
    `Server "${server}": the clock of ${owner} is ${secondsApart(offset)} the clock of this machine. ${consequence} ` +
    "Correct the clock that is wrong."
  );
}

/** Returns "90 s ahead of" for an offset in milliseconds. Rounded up, because the offset is the smallest that is possible. */
export function secondsApart(offset: number): string {
  return `${Math.ceil(Math.abs(offset) / 1_000)} s ${offset > 0 ? "ahead of" : "behind"}`;
}

import type { Clock } from "../lib/clock.js";
import { narrowRange, type OffsetRange, offsetRange, smallestOffset } from "./clock-offset.js";

/** In milliseconds. A smaller difference is not corrected, because what we sign is backdated by more than that. */
export const toleratedSkew = 2_000;
/** In milliseconds. A larger difference is only reported, because one of the two clocks is clearly wrong. */
export const maxCorrectedSkew = 600_000;

/** In milliseconds. A difference that is this close to a reported one is not reported again. */
const sameSkew = 5_000;
/** How many differences are reported for one origin: several servers with different clocks may answer for it. */
const maxReports = 10;
// Far more than a runtime uses. A server that names ever more origins only displaces the oldest ones.
const maxOrigins = 1_000;

/** How far the clock of a server differs from ours. */
export interface ClockSkew {
  /** Milliseconds that the server's clock is ahead; negative if it is behind. */
  readonly offset: number;
  /** Whether we sign for the server in its time. */
  readonly isCorrected: boolean;
}

/** What is known about one origin. */
interface Known {
  /** The offset of its clock; `undefined` before its first response. */
  range?: OffsetRange;
  /** Whether we signed something for it. Only then does a difference matter. */
  isSignedFor: boolean;
  /** Offsets that were reported. */
  readonly reported: number[];
}

/** The time of the server for which a request is signed. */
export interface SigningTime {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Whether something was signed with an offset that has turned out to be wrong. */
  readonly isOutdated: boolean;
  /** The offset in milliseconds if something was signed and the offset is too large to be corrected. */
  readonly uncorrected: number | undefined;
}

/**
 * Learns from the `Date` of responses how far the clock of each origin differs from ours. Each runtime keeps this in
 * memory. It is used only for what we sign: the expiry of a token is measured by our own clock.
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

  /** Returns the time for signing one request to this URL. */
  at(url: string | URL): SigningTime {
    const { origin } = new URL(url);
    const clock = this.#clock;
    const offset = () => offsetOf(this.#known.get(origin));
    const markSigned = () => {
      this.#touch(origin).isSignedFor = true;
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
        const current = offset();
        return applied !== undefined && Math.abs(current) > maxCorrectedSkew ? current : undefined;
      },
    };
  }

  /**
   * Returns the milliseconds that the clock of the server at this URL is ahead of ours; `undefined` if none of its
   * responses had a usable `Date`.
   */
  offset(url: string | URL): number | undefined {
    const known = this.#known.get(new URL(url).origin);
    return known?.range && offsetOf(known);
  }

  /**
   * Returns the difference to the clock of the server at this URL if something was signed for it and the difference was
   * not reported yet. Counts it as reported.
   */
  takeReport(url: string | URL): ClockSkew | undefined {
    const known = this.#known.get(new URL(url).origin);
    if (known?.isSignedFor !== true) return undefined;
    const offset = offsetOf(known);
    const { reported } = known;
    if (Math.abs(offset) <= toleratedSkew || reported.length === maxReports) return undefined;
    const isCorrected = Math.abs(offset) <= maxCorrectedSkew;
    const isReported = (earlier: number) =>
      Math.abs(earlier - offset) <= sameSkew && Math.abs(earlier) <= maxCorrectedSkew === isCorrected;
    if (reported.some(isReported)) return undefined;
    reported.push(offset);
    return { offset, isCorrected };
  }

  /** Learns the offset from the `Date` of a response. Its request was sent at `sentAt` by our clock. */
  note(
    { input, init }: { readonly input: string | URL | Request; readonly init: RequestInit | undefined },
    response: Response,
    sentAt: number,
  ): void {
    // After a redirect, the response may come from another server.
    if (response.redirected || response.type === "opaqueredirect") return;
    const { headers } = response;
    const isUncached = !isCacheable(input, init) || /\bno-store\b/i.test(headers.get("cache-control") ?? "");
    const range = offsetRange({ sentAt, receivedAt: this.#clock.now(), headers, isUncached });
    if (range === undefined) return;
    const { origin } = new URL(input instanceof Request ? input.url : input);
    const known = this.#touch(origin);
    known.range = narrowRange(known.range, range);
  }

  /**
   * Returns what is known about an origin, and makes it the newest entry of the map. Removes the oldest entries if
   * there are too many.
   */
  #touch(origin: string): Known {
    const known = this.#known.get(origin) ?? { isSignedFor: false, reported: [] };
    this.#known.delete(origin);
    this.#known.set(origin, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= maxOrigins) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

function offsetOf(known: Known | undefined): number {
  return known?.range === undefined ? 0 : smallestOffset(known.range);
}

/** Returns the milliseconds to add to our time when we sign. */
function correction(offset: number): number {
  const size = Math.abs(offset);
  return size > toleratedSkew && size <= maxCorrectedSkew ? offset : 0;
}

/** Returns whether a cache may have answered: in practice, caches store only GET and HEAD (RFC 9110 §9.2.3). */
function isCacheable(input: string | URL | Request, init: RequestInit | undefined): boolean {
  const method = init?.method ?? (input instanceof Request ? input.method : "GET");
  return /^(?:GET|HEAD)$/i.test(method);
}

/**
 * Returns the warning about a clock that differs from ours.
 *
 * @param owner the server with that clock, as the config names it
 */
export function clockSkewMessage(server: string, owner: string, { offset, isCorrected }: ClockSkew): string {
  const consequence = isCorrected
    ? "Assertions and DPoP proofs for it are made in its time."
    : `That is more than the ${maxCorrectedSkew / 1_000} s that can be corrected, so it may reject assertions and DPoP proofs.`;
  return (
    `Server "${server}": the clock of ${owner} is ${secondsApart(offset)} the clock of this machine. ${consequence} ` +
    "Correct the clock that is wrong."
  );
}

/**
 * Returns "90 s ahead of" for an offset in milliseconds. Rounded up, because the offset is the smallest that is
 * possible.
 */
export function secondsApart(offset: number): string {
  return `${Math.ceil(Math.abs(offset) / 1_000)} s ${offset > 0 ? "ahead of" : "behind"}`;
}

import { parseHttpDate } from "./response-headers.js";

/**
 * The range of possible offsets of a server's clock: milliseconds that it is ahead of ours, negative if it is behind.
 */
export interface OffsetRange {
  readonly min: number;
  readonly max: number;
}

/** A response with what is needed to compare the clock of its server with ours. */
export interface DatedResponse {
  /** By our clock, before the request was sent. */
  readonly sentAt: number;
  /** By our clock, when the headers of the response had arrived. */
  readonly receivedAt: number;
  readonly headers: Pick<Headers, "get">;
  /** Whether the response certainly does not come from a cache. */
  readonly isUncached: boolean;
}

/** Milliseconds. `Date` and `Age` are in whole seconds. */
const resolution = 1_000;

/**
 * Returns the range that follows from one response; `undefined` if it has no usable `Date`. The server wrote the
 * response after the request was sent and before the response arrived, in the second that `Date` names.
 *
 * A response from a cache may have an old `Date`, which only proves that the server's clock has reached that time.
 * `Age` (RFC 9111 §5.1) says how old the response is. Some caches write a new `Date` and keep `Age`; the range allows
 * for both.
 */
export function offsetRange({
  sentAt,
  receivedAt,
  headers,
  isUncached,
}: DatedResponse): OffsetRange | undefined {
  const date = parseHttpDate(headers.get("date") ?? "");
  // If the response arrived before it was sent, our clock was set back in between.
  if (Number.isNaN(date) || receivedAt < sentAt) return undefined;
  const min = date - receivedAt;
  const age = headers.get("age");
  if (age === null) {
    return { min, max: isUncached ? date + resolution - sentAt : Number.POSITIVE_INFINITY };
  }
  if (!/^\d{1,9}$/.test(age)) return { min, max: Number.POSITIVE_INFINITY };
  return { min, max: date + Number(age) * 1_000 + 2 * resolution - sentAt };
}

/**
 * Returns the range that agrees with both an earlier and the latest response. If the two contradict each other, a clock
 * was set in between, and only the latest counts.
 */
export function narrowRange(earlier: OffsetRange | undefined, latest: OffsetRange): OffsetRange {
  if (earlier === undefined) return latest;
  const min = Math.max(earlier.min, latest.min);
  const max = Math.min(earlier.max, latest.max);
  return min <= max ? { min, max } : latest;
}

/** Returns the offset in the range that is closest to zero: a larger difference is possible, but not proved. */
export function smallestOffset({ min, max }: OffsetRange): number {
  if (min > 0) return min;
  return max < 0 ? max : 0;
}

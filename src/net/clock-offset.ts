import { parseHttpDate } from "./http-date.js";

/**
 * The range of possible offsets of a server's clock: milliseconds that it is ahead of ours, negative if it is behind.
 */
export interface OffsetRange {
  readonly least: number;
  readonly most: number;
}

/** A response with what is needed to compare the clock of its server with ours. */
export interface DatedResponse {
  /** By our clock, before the request was sent. */
  readonly sentAt: number;
  /** By our clock, when the headers of the response had arrived. */
  readonly receivedAt: number;
  readonly headers: Pick<Headers, "get">;
  /** Whether no cache can have answered. */
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
  const least = date - receivedAt;
  const age = headers.get("age");
  if (age === null) {
    return { least, most: isUncached ? date + resolution - sentAt : Number.POSITIVE_INFINITY };
  }
  if (!/^\d{1,9}$/.test(age)) return { least, most: Number.POSITIVE_INFINITY };
  return { least, most: date + Number(age) * 1_000 + 2 * resolution - sentAt };
}

/**
 * Returns the range that follows from two responses, of which `latest` came later. If they contradict each other, a
 * clock was set in between, and only the later one counts.
 */
export function narrowed(known: OffsetRange | undefined, latest: OffsetRange): OffsetRange {
  if (known === undefined) return latest;
  const least = Math.max(known.least, latest.least);
  const most = Math.min(known.most, latest.most);
  return least <= most ? { least, most } : latest;
}

/** Returns the offset in the range that is closest to zero, so that no difference is assumed without proof. */
export function smallestOffset({ least, most }: OffsetRange): number {
  if (least > 0) return least;
  return most < 0 ? most : 0;
}

import { parseHttpDate } from "./http-date.js";

/** Where the offset of a server's clock lies: milliseconds that it is ahead of ours, negative when it is behind. */
export interface OffsetRange {
  readonly least: number;
  readonly most: number;
}

/** What a response says of the time at its server. */
export interface DatedResponse {
  /** By our clock, before the request was sent. */
  readonly sentAt: number;
  /** By our clock, when the headers of the response were there. */
  readonly receivedAt: number;
  readonly headers: Pick<Headers, "get">;
  /** No cache on the way can have answered. */
  readonly isUncached: boolean;
}

/** `Date` and `Age` have whole seconds. */
const resolution = 1_000;

/**
 * What one response says of the offset, `undefined` when it says nothing. The server wrote the response after the request
 * was sent and before the response arrived, in the second that `Date` names.
 *
 * A response that a cache has kept may have an old `Date`, so that alone it only tells what the server's clock has reached.
 * `Age` (RFC 9111 §5.1) tells how old it is. Some caches write a new `Date` and keep `Age`; the range has room for both.
 */
export function offsetRange({
  sentAt,
  receivedAt,
  headers,
  isUncached,
}: DatedResponse): OffsetRange | undefined {
  const date = parseHttpDate(headers.get("date") ?? "");
  // Our clock was set back meanwhile.
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
 * What two responses say together, `latest` being of the later one. Where they contradict each other, a clock was set in
 * between, and only the later one counts.
 */
export function narrowed(known: OffsetRange | undefined, latest: OffsetRange): OffsetRange {
  if (known === undefined) return latest;
  const least = Math.max(known.least, latest.least);
  const most = Math.min(known.most, latest.most);
  return least <= most ? { least, most } : latest;
}

/** The smallest offset within the range, in whichever direction: no difference is assumed that need not be there. */
export function smallestOffset({ least, most }: OffsetRange): number {
  if (least > 0) return least;
  return most < 0 ? most : 0;
}

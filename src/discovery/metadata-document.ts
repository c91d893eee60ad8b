import type { Clock } from "../lib/clock.js";
import { exchange, type FetchFunction } from "../net/bounded-fetch.js";
import { fail, type Outcome, succeed } from "../net/failure.js";
import { isJson } from "../net/media-type.js";
import { printableUrl } from "../net/printable-url.js";
import { parseRetryAfter } from "../net/retry-after.js";

/** How metadata is fetched. */
export interface MetadataFetch {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  /** Milliseconds for each request. */
  readonly timeout: number;
  /** Ends the requests themselves: only for lookups that nobody shares. */
  readonly signal?: AbortSignal;
}

/** Where metadata may be. */
export interface Candidate {
  readonly url: string;
  /** A server chose the URL: no message shows it. */
  readonly isLearned: boolean;
}

/** A JSON object as it was found, not yet judged. */
export interface MetadataDocument {
  readonly url: string;
  readonly headers: Headers;
  readonly json: Readonly<Record<string, unknown>>;
}

/**
 * Fetches the first of several candidate URLs that is there; `undefined` when none is. Only a 4xx moves on to the
 * next: a server that is down (5xx, 408, 429, network) may have the document that is in charge, so that is a
 * failure that can be retried and not a reason to believe another document. A redirect, a type other than JSON and
 * JSON that is not an object are `discovery_failed`.
 *
 * @param what what is asked for, for messages: "its resource metadata"
 */
export async function fetchFirstDocument(
  how: MetadataFetch,
  what: string,
  candidates: readonly Candidate[],
): Promise<Outcome<MetadataDocument | undefined>> {
  for (const candidate of candidates) {
    const outcome = await fetchDocument(how, what, candidate);
    if (!outcome.ok || outcome.value !== undefined) return outcome;
  }
  return succeed(undefined);
}

async function fetchDocument(
  how: MetadataFetch,
  what: string,
  candidate: Candidate,
): Promise<Outcome<MetadataDocument | undefined>> {
  const { fetch, ...limits } = how;
  const { url, isLearned } = candidate;
  const result = await exchange(fetch, {
    what,
    ...candidate,
    headers: { accept: "application/json" },
    ...limits,
  });
  if (result.kind === "failed") return fail(result.failure);

  const status = result.kind === "too-large" ? result.status : result.response.status;
  const where = (isLearned ? undefined : printableUrl(url)) ?? "the URL that the server gave";
  const learned = isLearned ? { url } : {};
  if (status >= 500 || status === 408 || status === 429) {
    const header = result.kind === "response" ? result.response.headers.get("retry-after") : null;
    const retryAfter = parseRetryAfter(header, limits.clock.now());
    const detail = `${what} is not available now: ${where} answered ${status}. Try again later.`;
    return fail({
      code: "unavailable",
      detail,
      retryable: true,
      details: learned,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });
  }
  if (status >= 400) return succeed(undefined);

  const refuse = (why: string, said: Readonly<Record<string, unknown>> = {}) =>
    fail({
      code: "discovery_failed",
      detail: `${what} cannot be used: ${where} ${why}`,
      details: { ...learned, ...said },
    });
  if (status >= 300) {
    const location = result.kind === "response" ? result.response.headers.get("location") : null;
    return refuse(`answered with a redirect (${status}), and metadata must not be redirected.`, { location });
  }
  if (result.kind === "too-large") return refuse("answered with more than 1 MiB.");
  const { headers, body } = result.response;
  const contentType = headers.get("content-type");
  if (!isJson(contentType)) {
    return refuse("did not answer with the content type application/json.", { "content-type": contentType });
  }
  const json = parseJson(body);
  if (json === undefined) return refuse("did not answer with valid JSON.");
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return refuse("answered with JSON that is not an object.");
  }
  // An object that is neither null nor an array; its members are looked at one by one.
  return succeed({ url, headers, json: json as Readonly<Record<string, unknown>> });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The error quotes the text.
    return undefined;
  }
}

/** A list of strings of a document; `null` counts as absent, anything else that is not such a list is `false`. */
export function stringList(value: unknown): readonly string[] | undefined | false {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return false;
  const strings = value.filter((item) => typeof item === "string");
  return strings.length === value.length && strings;
}

import type { Clock } from "../lib/clock.js";
import type { EndpointKind } from "../lib/debug.js";
import { exchange, type FetchFunction } from "../net/bounded-fetch.js";
import type { Failure } from "../net/failure.js";
import { isJson } from "../net/media-type.js";
import { isTemporaryStatus, parseRetryAfter } from "../net/retry.js";
import type { ServerHeaders } from "./server-headers.js";

/** How metadata is fetched. */
export interface MetadataFetch {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  /** Milliseconds for each request. */
  readonly timeout: number;
  /** Ends the requests themselves: only for lookups that nobody shares. */
  readonly signal?: AbortSignal;
  /** The config's headers for the MCP server. */
  readonly headers?: ServerHeaders | undefined;
}

/** Where metadata may be. */
export interface Candidate {
  readonly url: string;
  /** A server chose the URL: no message shows it. */
  readonly isLearned: boolean;
  /** The config's headers for the MCP server go there. */
  readonly takesHeaders?: boolean;
}

/** A JSON object as it was found, not yet judged. */
export interface MetadataDocument {
  readonly url: string;
  readonly headers: Headers;
  readonly json: Readonly<Record<string, unknown>>;
}

/** What one location answered. `brief` follows its URL in a message. */
export type LocationAnswer =
  | { readonly kind: "document"; readonly document: MetadataDocument }
  /** No metadata document, now and later. */
  | {
      readonly kind: "nothing";
      readonly brief: string;
      /** A client error: there is none. Else there is something else in its place. */
      readonly isAbsent: boolean;
      readonly details?: Readonly<Record<string, unknown>>;
    }
  /** It cannot be said now; `failure.retryable`: perhaps later. */
  | { readonly kind: "failed"; readonly brief: string; readonly failure: Failure };

/** Asks one location once. Redirects are not followed: metadata must not be redirected. */
export async function askLocation(
  { fetch, headers: _headers, ...limits }: MetadataFetch,
  { what, endpoint }: { readonly what: string; readonly endpoint: EndpointKind },
  { url, isLearned }: Candidate,
  headers: Readonly<Record<string, string>>,
): Promise<LocationAnswer> {
  const request = {
    what,
    endpoint,
    url,
    isLearned,
    headers: { ...without(headers, "accept"), accept: "application/json" },
  };
  const result = await exchange(fetch, { ...request, ...limits });
  if (result.kind === "failed") {
    const { failure } = result;
    const silent = `did not answer within ${limits.timeout} ms`;
    return {
      kind: "failed",
      failure,
      brief: failure.brief ?? (failure.code === "timeout" ? silent : "was not asked"),
    };
  }
  const nothing = (brief: string, details: Readonly<Record<string, unknown>> = {}): LocationAnswer => {
    return { kind: "nothing", brief, isAbsent: false, details };
  };
  const status = result.kind === "too-large" ? result.status : result.response.status;
  if (isTemporaryStatus(status)) {
    const headers = result.kind === "response" ? result.response.headers : new Headers();
    const now = limits.clock.now();
    const retryAfter = parseRetryAfter(headers.get("retry-after"), now, headers.get("date"));
    const brief = `answered ${status}`;
    const failure = {
      code: "unavailable",
      detail: `${what} is not available now.`,
      retryable: true,
      ...(retryAfter !== undefined && { retryAfter }),
    } as const;
    return { kind: "failed", brief, failure };
  }
  if (status >= 400) return { kind: "nothing", brief: `answered ${status}`, isAbsent: true };
  if (status >= 300) {
    const location = result.kind === "response" ? result.response.headers.get("location") : null;
    return nothing(`answered with a redirect (${status})`, { location });
  }
  if (result.kind === "too-large") return nothing("answered with more than 1 MiB");
  const { headers: said, body } = result.response;
  if (status === 204 || status === 205) return nothing(`answered ${status}, which has no content`);
  const contentType = said.get("content-type");
  if (!isJson(contentType)) {
    const brief = "did not answer with the content type application/json";
    return nothing(brief, { "content-type": contentType });
  }
  const json = parseJson(body);
  if (json === undefined) return nothing("did not answer with valid JSON");
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    return nothing("answered with JSON that is not an object");
  }
  // An object that is neither null nor an array; its members are looked at one by one.
  const members = json as Readonly<Record<string, unknown>>;
  return { kind: "document", document: { url, headers: said, json: members } };
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

function without(headers: Readonly<Record<string, string>>, left: string): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== left));
}

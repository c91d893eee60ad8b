import type { MetadataAnswer } from "../diagnosis/missing-metadata.js";
import type { Clock } from "../lib/clock.js";
import type { EndpointKind } from "../lib/debug.js";
import { isWholeJson, type JsonObject, parseJsonObject } from "../lib/json-object.js";
import { exchange, type FetchFunction } from "../net/bounded-fetch.js";
import type { Failure, Outcome } from "../net/failure.js";
import { isJson, retryAfterOf } from "../net/response-headers.js";
import { isTemporaryStatus } from "../net/retry.js";

/** The config's `headers` for one server. They are sent to metadata URLs of that server's own origin only. */
export interface ServerHeaders {
  /** Identifies the headers, but not by secret values. With other headers, a server may answer differently. */
  readonly id: string;
  /** Reads the references. Never rejects. */
  read(signal: AbortSignal): Promise<Outcome<Readonly<Record<string, string>>>>;
}

/** How metadata is fetched. */
export interface MetadataFetch {
  readonly fetch: FetchFunction;
  readonly clock: Clock;
  /** Milliseconds for each request. */
  readonly timeout: number;
  /** Aborts the requests. For a lookup that several callers share, this must not be the signal of one of them. */
  readonly signal?: AbortSignal;
  /** The config's headers for the server that the metadata is about. */
  readonly headers?: ServerHeaders | undefined;
}

/** A URL at which metadata may be. */
export interface MetadataLocation {
  readonly url: string;
  /** Whether a server chose the URL. No message shows it then. */
  readonly isLearned: boolean;
  /** Whether the config's headers for the server are sent there. */
  readonly takesHeaders?: boolean;
}

/** A JSON object that was found, before its members are checked. */
export interface MetadataDocument {
  readonly url: string;
  readonly headers: Headers;
  readonly json: JsonObject;
}

/** The result of one request. `brief` follows the URL in a message. */
export type DocumentResult =
  | { readonly kind: "document"; readonly document: MetadataDocument }
  /** There is no metadata document. Another request would not help. */
  | {
      readonly kind: "nothing";
      readonly brief: string;
      /** Whether the server answered with a client error. Otherwise it answered with something else than metadata. */
      readonly isAbsent: boolean;
      readonly answer?: MetadataAnswer;
      readonly details?: Readonly<Record<string, unknown>>;
    }
  /** The location did not answer. `failure.retryable`: it may answer later. */
  | { readonly kind: "failed"; readonly brief: string; readonly failure: Failure };

/** Requests the document of one location, once. Redirects are not followed, because metadata must not be redirected. */
export async function fetchDocument(
  { fetch, headers: _headers, ...limits }: MetadataFetch,
  { documentName, endpoint }: { readonly documentName: string; readonly endpoint: EndpointKind },
  { url, isLearned }: MetadataLocation,
  headers: Readonly<Record<string, string>>,
): Promise<DocumentResult> {
  const request = {
    target: documentName,
    endpoint,
    url,
    isLearned,
    headers: { ...withoutHeader(headers, "accept"), accept: "application/json" },
  };
  const result = await exchange(fetch, { ...request, ...limits });
  if (result.kind === "failed") {
    const { failure } = result;
    const late = `did not answer within ${limits.timeout} ms`;
    return {
      kind: "failed",
      failure,
      brief: failure.brief ?? (failure.code === "timeout" ? late : "was not requested"),
    };
  }
  const status = result.kind === "too-large" ? result.status : result.response.status;
  const contentType = result.kind === "response" ? result.response.headers.get("content-type") : null;
  const location = result.kind === "response" ? result.response.headers.get("location") : null;
  const isPage = status < 300 && /^text\/html\b/i.test(contentType ?? "");
  const answer = { status, isPage, isMoved: status >= 300 && status < 400 && isElsewhere(location, url) };
  const nothing = (brief: string, details: Readonly<Record<string, unknown>> = {}): DocumentResult => {
    return { kind: "nothing", brief, isAbsent: false, answer, details };
  };
  if (isTemporaryStatus(status)) {
    const headers = result.kind === "response" ? result.response.headers : new Headers();
    const retryAfter = retryAfterOf(headers, limits.clock.now());
    const brief = `answered ${status}`;
    const failure = {
      code: "unavailable",
      detail: `${documentName} is not available now.`,
      retryable: true,
      ...(retryAfter !== undefined && { retryAfter }),
    } as const;
    return { kind: "failed", brief, failure };
  }
  if (status >= 400) return { kind: "nothing", brief: `answered ${status}`, isAbsent: true, answer };
  if (status >= 300) return nothing(`answered with a redirect (${status})`, { location });
  if (result.kind === "too-large") return nothing("answered with more than 1 MiB");
  const { headers: responseHeaders, body } = result.response;
  if (status === 204 || status === 205) return nothing(`answered ${status}, which has no content`);
  if (!isJson(contentType)) {
    const brief = "did not answer with the content type application/json";
    return nothing(brief, { "content-type": contentType });
  }
  const json = parseJsonObject(body);
  if (json !== undefined) return { kind: "document", document: { url, headers: responseHeaders, json } };
  return nothing(
    isWholeJson(body) ? "answered with JSON that is not an object" : "did not answer with valid JSON",
  );
}

/** Returns whether a redirect leads to a well-known URL at another origin. */
function isElsewhere(location: string | null, url: string): boolean {
  if (location === null || !URL.canParse(location, url)) return false;
  const target = new URL(location, url);
  return target.origin !== new URL(url).origin && target.pathname.includes("/.well-known/");
}

/** Returns a list of strings, `undefined` if it is absent or `null`, and `false` for anything else. */
export function stringList(value: unknown): readonly string[] | undefined | false {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return false;
  const strings = value.filter((item) => typeof item === "string");
  return strings.length === value.length && strings;
}

function withoutHeader(
  headers: Readonly<Record<string, string>>,
  removed: string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== removed));
}

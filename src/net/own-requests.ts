import type { FetchFunction } from "./bounded-fetch.js";

/**
 * The member of an `init` with the `fetch` that sends the request instead of the global one. `register` sets it on
 * calls that came through the global `fetch`, so that other code that has wrapped the global `fetch` does not see them
 * twice.
 */
export const fetchToUse: unique symbol = Symbol("fetchToUse");

export interface InitWithFetch extends RequestInit {
  readonly [fetchToUse]?: FetchFunction;
}

/**
 * State that registrations and runtimes of this process share, so that a registration does not authorize our own
 * requests.
 */
export interface OwnRequests {
  /**
   * Notes that a request of ours, which must not be authorized, is in progress. Returns a function that notes its end.
   */
  begin(url: string, authorization: string | null): () => void;
  /** Returns whether such a request is in progress. */
  includes(url: string, authorization: string | null): boolean;
  /** Adds a registration for some URLs, with the `fetch` that it replaced. Returns a function that removes it. */
  register(covers: (url: string) => boolean, originalFetch: FetchFunction): () => void;
  /**
   * Returns the `fetch` that a registration for this URL replaced, which adds no token; `undefined` if no registration
   * covers the URL.
   */
  originalFetchFor(url: string): FetchFunction | undefined;
  /** For each request of undici, the registration that added its token. */
  readonly authorized: WeakMap<object, object>;
}

/** A symbol of the global registry, because several copies of this package may be loaded. */
const key = Symbol.for("mcp-auth-runtime.own-requests");

type Global = { [key]?: OwnRequests };

/** Returns the shared state. The first registration creates it; without a registration, nothing needs it. */
export function trackOwnRequests(): OwnRequests {
  // Only this package uses the symbol.
  const global = globalThis as Global;
  const known = global[key];
  if (known !== undefined) return known;
  const created = createOwnRequests();
  Object.defineProperty(globalThis, key, { value: created });
  return created;
}

/**
 * Returns a `fetch` that sends with `chosen`, otherwise with the `fetch` in the `init`, otherwise with the global
 * `fetch`. It looks up the global `fetch` for each call, so that instrumentation which replaces it later is used. A
 * request without a token to a URL of a registration bypasses the registration, because it may be the request for that
 * token.
 */
export function platformFetch(chosen?: FetchFunction): FetchFunction {
  return async function sendWithPlatformFetch(input, given) {
    const { fetch, init } = splitInit(given);
    const preferred = chosen ?? fetch;
    const ownRequests = (globalThis as Global)[key];
    if (ownRequests === undefined) return await (preferred ?? globalThis.fetch)(input, init);
    const url = urlOf(input);
    const authorization = authorizationOf(input, init);
    const bypass = hasToken(authorization) ? undefined : ownRequests.originalFetchFor(url);
    const end = ownRequests.begin(url, authorization);
    try {
      return await (preferred ?? bypass ?? globalThis.fetch)(input, init);
    } finally {
      end();
    }
  };
}

/**
 * Returns whether a request has an access token. A token never uses the Basic scheme, which is for client
 * authentication (RFC 6749 §2.3.1).
 */
function hasToken(authorization: string | null): boolean {
  return authorization !== null && !/^basic /i.test(authorization);
}

/** Splits an `init` into the `fetch` to use and the `init` for that `fetch`. */
function splitInit(given: InitWithFetch | undefined): { fetch?: FetchFunction; init?: RequestInit } {
  if (given === undefined) return {};
  const { [fetchToUse]: fetch, ...init } = given;
  return fetch === undefined ? { init: given } : { fetch, init };
}

function createOwnRequests(): OwnRequests {
  const inProgress = new Map<string, number>();
  const registrations = new Set<{ covers: (url: string) => boolean; originalFetch: FetchFunction }>();
  // Requests are identified by URL and header and not as objects, because a wrapper around `fetch` may send another
  // `Request` than it was given.
  const nameOf = (url: string, authorization: string | null): string => `${url} ${authorization ?? ""}`;
  return {
    begin(url, authorization) {
      const name = nameOf(url, authorization);
      inProgress.set(name, (inProgress.get(name) ?? 0) + 1);
      return () => {
        const remaining = (inProgress.get(name) ?? 1) - 1;
        if (remaining > 0) inProgress.set(name, remaining);
        else inProgress.delete(name);
      };
    },
    includes: (url, authorization) => inProgress.has(nameOf(url, authorization)),
    register(covers, originalFetch) {
      const registration = { covers, originalFetch };
      registrations.add(registration);
      return () => void registrations.delete(registration);
    },
    originalFetchFor: (url) => [...registrations].find(({ covers }) => covers(url))?.originalFetch,
    authorized: new WeakMap(),
  };
}

function urlOf(input: string | URL | Request): string {
  const text = input instanceof Request ? input.url : String(input);
  return URL.canParse(text) ? new URL(text).href : text;
}

/** Returns the `Authorization` header that is sent. The headers of an `init` replace those of a `Request`. */
function authorizationOf(input: string | URL | Request, init: RequestInit | undefined): string | null {
  const headers = init?.headers ?? (input instanceof Request ? input.headers : undefined);
  return headers === undefined ? null : new Headers(headers).get("authorization");
}

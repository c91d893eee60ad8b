import type { FetchFunction } from "./bounded-fetch.js";

/**
 * The member of an `init` that names the `fetch` to send with, in place of the global one. `register` sets it on calls that
 * reached it through the global `fetch`: other code that has wrapped that has seen them already.
 */
export const through: unique symbol = Symbol("through");

export interface ThroughInit extends RequestInit {
  readonly [through]?: FetchFunction;
}

/** The requests that runtimes of this process are sending, so that what `register` installed leaves them alone. */
export interface OwnRequests {
  /** A request is about to be sent; returns the function that says that it was. */
  begin(url: string, authorization: string | null): () => void;
  includes(url: string, authorization: string | null): boolean;
  /** Requests to which one registration has added a token, so that another adds none. */
  readonly authorized: WeakSet<object>;
}

/** Registered, because several copies of this package may be loaded. */
const key = Symbol.for("mcp-auth-runtime.own-requests");

type Global = { [key]?: OwnRequests };

/** Made by the first registration; without one nobody asks. */
export function trackOwnRequests(): OwnRequests {
  // Nobody else has a member of this name on the global object.
  const global = globalThis as Global;
  const known = global[key];
  if (known !== undefined) return known;
  const created = createOwnRequests();
  Object.defineProperty(globalThis, key, { value: created });
  return created;
}

/**
 * Sends with `chosen`, else with what the `init` names, else with the global `fetch`. That is looked up at each call, so that
 * instrumentation which replaces it later is used.
 */
export function platformFetch(chosen?: FetchFunction): FetchFunction {
  return async (input, given) => {
    const { via, init } = sendingOf(given);
    const fetch = chosen ?? via ?? globalThis.fetch;
    const own = (globalThis as Global)[key];
    if (own === undefined) return await fetch(input, init);
    const end = own.begin(urlOf(input), authorizationOf(input, init));
    try {
      return await fetch(input, init);
    } finally {
      end();
    }
  };
}

/** What an `init` says for us, and for the `fetch` that it goes to. */
function sendingOf(given: ThroughInit | undefined): { via?: FetchFunction | undefined; init?: RequestInit } {
  if (given === undefined) return {};
  const { [through]: via, ...init } = given;
  return via === undefined ? { init: given } : { via, init };
}

function createOwnRequests(): OwnRequests {
  const urls = new Map<string, number>();
  const authorizations = new Map<string, number>();
  // A wrapper around `fetch` may send another `Request` than the one it was given, so none is recognized by its identity.
  const within = (url: string, authorization: string | null): readonly [Map<string, number>, string] =>
    authorization === null ? [urls, url] : [authorizations, authorization];
  return {
    begin(url, authorization) {
      const [counts, name] = within(url, authorization);
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return () => {
        const left = (counts.get(name) ?? 1) - 1;
        if (left > 0) counts.set(name, left);
        else counts.delete(name);
      };
    },
    includes(url, authorization) {
      const [counts, name] = within(url, authorization);
      return counts.has(name);
    },
    authorized: new WeakSet(),
  };
}

function urlOf(input: string | URL | Request): string {
  const text = input instanceof Request ? input.url : String(input);
  return URL.canParse(text) ? new URL(text).href : text;
}

/** What goes over the wire: the headers of an `init` take the place of those of a `Request`. */
function authorizationOf(input: string | URL | Request, init: RequestInit | undefined): string | null {
  const headers = init?.headers ?? (input instanceof Request ? input.headers : undefined);
  return headers === undefined ? null : new Headers(headers).get("authorization");
}

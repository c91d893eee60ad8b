import type { FetchFunction } from "./bounded-fetch.js";

/**
 * The member of an `init` that names the `fetch` to send with, in place of the global one. `register` sets it on calls that
 * reached it through the global `fetch`: other code that has wrapped that has seen them already.
 */
export const through: unique symbol = Symbol("through");

export interface ThroughInit extends RequestInit {
  readonly [through]?: FetchFunction;
}

/** What registrations and runtimes of this process share, so that what is installed leaves requests of our own alone. */
export interface OwnRequests {
  /** A request is about to be sent that is not to be authorized; returns the function that says that it was. */
  begin(url: string, authorization: string | null): () => void;
  includes(url: string, authorization: string | null): boolean;
  /** A registration for these URLs, and the `fetch` below it; returns the function that ends it. */
  register(covers: (url: string) => boolean, bare: FetchFunction): () => void;
  /** What sends a request for this URL past all registrations; `undefined` where none would authorize it. */
  bareFor(url: string): FetchFunction | undefined;
  /** The registration that a request of undici has its token from. */
  readonly authorized: WeakMap<object, object>;
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
 * instrumentation which replaces it later is used; but a request of ours without a token, to a URL at which a registration
 * authorizes requests, goes past that, because it is perhaps the one that asks for the token.
 */
export function platformFetch(chosen?: FetchFunction): FetchFunction {
  return async (input, given) => {
    const { via, init } = sendingOf(given);
    const own = (globalThis as Global)[key];
    if (own === undefined) return await (chosen ?? via ?? globalThis.fetch)(input, init);
    const url = urlOf(input);
    const authorization = authorizationOf(input, init);
    const past = isOfToken(authorization) ? undefined : own.bareFor(url);
    const end = own.begin(url, authorization);
    try {
      return await (chosen ?? via ?? past ?? globalThis.fetch)(input, init);
    } finally {
      end();
    }
  };
}

/** Client authentication is in the body or of this scheme (RFC 6749 §2.3.1), a token of no server is. */
function isOfToken(authorization: string | null): boolean {
  return authorization !== null && !/^basic /i.test(authorization);
}

/** What an `init` says for us, and for the `fetch` that it goes to. */
function sendingOf(given: ThroughInit | undefined): { via?: FetchFunction | undefined; init?: RequestInit } {
  if (given === undefined) return {};
  const { [through]: via, ...init } = given;
  return via === undefined ? { init: given } : { via, init };
}

function createOwnRequests(): OwnRequests {
  const sending = new Map<string, number>();
  const registrations = new Set<{ covers: (url: string) => boolean; bare: FetchFunction }>();
  // A wrapper around `fetch` may send another `Request` than the one it was given, so none is recognized by its identity.
  const nameOf = (url: string, authorization: string | null): string => `${url} ${authorization ?? ""}`;
  return {
    begin(url, authorization) {
      const name = nameOf(url, authorization);
      sending.set(name, (sending.get(name) ?? 0) + 1);
      return () => {
        const left = (sending.get(name) ?? 1) - 1;
        if (left > 0) sending.set(name, left);
        else sending.delete(name);
      };
    },
    includes: (url, authorization) => sending.has(nameOf(url, authorization)),
    register(covers, bare) {
      const registration = { covers, bare };
      registrations.add(registration);
      return () => void registrations.delete(registration);
    },
    bareFor: (url) => [...registrations].find(({ covers }) => covers(url))?.bare,
    authorized: new WeakMap(),
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

import { McpAuthError } from "../errors/error.js";
import { readInit } from "../http/read-init.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { type OwnRequests, type ThroughInit, through, trackOwnRequests } from "../net/own-requests.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { atHand, type Registration } from "./registration.js";
import type { Match } from "./server-map.js";

/**
 * Puts a `fetch` in the place of the global one that authorizes requests to the servers of the config, and passes all others on
 * as they are. Returns the function that undoes it. Where other code has wrapped it meanwhile, and for those that keep a
 * reference, it stays and passes everything on. Throws `config_invalid` where there is no global `fetch`.
 */
export function patchFetch(registration: Registration): () => void {
  const replaced = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  const bare = globalFetch();
  const own = trackOwnRequests();
  let active = true;
  function fetch(this: unknown, ...args: Parameters<FetchFunction>): Promise<Response> {
    const match = active ? matchOf(registration, args[0]) : undefined;
    return match === undefined
      ? Reflect.apply(bare, this, args)
      : authorized({ registration, own, bare }, match, args);
  }
  // Its name and length, and what a platform has added to it.
  const { prototype: _prototype, ...members } = Object.getOwnPropertyDescriptors(bare);
  Object.defineProperties(fetch, members);
  const place = (descriptor: PropertyDescriptor) => Object.defineProperty(globalThis, "fetch", descriptor);
  place({ configurable: true, enumerable: replaced?.enumerable ?? true, writable: true, value: fetch });
  return () => {
    active = false;
    if (globalThis.fetch === fetch && replaced !== undefined) place(replaced);
  };
}

function globalFetch(): FetchFunction {
  // Node can be told to have none.
  const { fetch }: { readonly fetch?: FetchFunction } = globalThis;
  if (fetch !== undefined) return fetch;
  throw new McpAuthError(
    "config_invalid",
    "This process has no global fetch, so nothing can be authorized. Start it without --no-experimental-fetch.",
  );
}

/** The server that a request belongs to, where it is to be authorized. Never throws. */
function matchOf({ servers, reports }: Registration, input: unknown): Match | undefined {
  const text = typeof input === "string" ? input : textOf(input);
  const match = text === undefined ? undefined : servers.find(text);
  if (match === undefined || match.isVerbatim) return match;
  reports.spelling(match.server.name);
  return undefined;
}

/** The URL as `fetch` reads it. */
function textOf(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  if (input instanceof URL) return input.href;
  try {
    return input instanceof Request ? input.url : String(input);
  } catch {
    // The underlying `fetch` says what is wrong with it.
    return undefined;
  }
}

interface Surroundings {
  readonly registration: Registration;
  readonly own: OwnRequests;
  readonly bare: FetchFunction;
}

async function authorized(
  { registration, own, bare }: Surroundings,
  { server, url }: Match,
  [input, init]: Parameters<FetchFunction>,
): Promise<Response> {
  // All of it is read now, as `fetch` does: the caller may change it after the call.
  const read = readInit(init);
  const request = input instanceof Request ? input : undefined;
  const headers = read.headers === undefined ? undefined : new Headers(read.headers);
  const authorization = (headers ?? request?.headers)?.get("authorization") ?? null;
  const target = request ?? url.href;
  const settings = headers === undefined ? read : { ...read, headers };
  if (own.includes(url.href, authorization)) return await bare(target, settings);
  const { reports } = registration;
  try {
    const known = registration.loaded(server.name);
    const manager = known ?? (await registration.load(server.name));
    if (authorization !== null && !isOfManager(authorization, manager)) reports.ownAuthorization(server.name);
    const sent: ThroughInit = { ...settings, [through]: bare };
    return await manager.fetch(target, sent);
  } catch (error) {
    // Callers of `fetch` know an abort by the reason that they gave, or by the name `AbortError`.
    const signal = read.signal === undefined ? request?.signal : read.signal;
    signal?.throwIfAborted();
    throw error;
  }
}

/** A host may have asked the manager itself. */
function isOfManager(authorization: string, manager: TokenManager): boolean {
  const token = atHand(manager);
  return token !== undefined && token !== "bound" && token.authorization === authorization;
}

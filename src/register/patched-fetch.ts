import { McpAuthError } from "../errors/error.js";
import { readInit } from "../http/read-init.js";
import { debugRegistered } from "../lib/debug.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { type OwnRequests, type ThroughInit, through, trackOwnRequests } from "../net/own-requests.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { jsonMessage } from "./json-message.js";
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
    if (match === undefined) return Reflect.apply(bare, this, args);
    debugRegistered(match.server.name, match.isVerbatim);
    return match.isVerbatim
      ? authorized({ registration, own, bare }, match, args)
      : leftAlone({ registration, own, bare }, match, args);
  }
  // Its name and length, and what a platform has added to it.
  const { prototype: _prototype, ...members } = Object.getOwnPropertyDescriptors(bare);
  Object.defineProperties(fetch, members);
  const place = (descriptor: PropertyDescriptor) => Object.defineProperty(globalThis, "fetch", descriptor);
  place({ configurable: true, enumerable: replaced?.enumerable ?? true, writable: true, value: fetch });
  const unregister = own.register((url) => registration.servers.find(url) !== undefined, bare);
  return () => {
    active = false;
    unregister();
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

/** The server that a request belongs to. Never throws. */
function matchOf({ servers }: Registration, input: unknown): Match | undefined {
  const text = typeof input === "string" ? input : textOf(input);
  return text === undefined ? undefined : servers.find(text);
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

/** A request whose URL is not spelled as the server's is sent as it is, and gets no token on its way either. */
async function leftAlone(
  { registration, own, bare }: Surroundings,
  { server, url }: Match,
  [input, init]: Parameters<FetchFunction>,
): Promise<Response> {
  registration.reports.spelling(server.name);
  const { settings, authorization } = settingsOf(input, init);
  const end = own.begin(url.href, authorization);
  try {
    return await bare(input, settings);
  } finally {
    end();
  }
}

async function authorized(
  { registration, own, bare }: Surroundings,
  { server, url }: Match,
  [input, init]: Parameters<FetchFunction>,
): Promise<Response> {
  const { settings, authorization } = settingsOf(input, init);
  const request = input instanceof Request ? input : undefined;
  const target = request ?? url.href;
  // A manager's own, with its token.
  if (authorization !== null && own.includes(url.href, authorization)) return await bare(target, settings);
  const { reports } = registration;
  try {
    const body = request === undefined || hasBody(settings) ? undefined : await jsonMessage(request);
    const known = registration.loaded(server.name);
    const manager = known ?? (await registration.load(server.name));
    if (authorization !== null && !isOfManager(authorization, manager)) reports.ownAuthorization(server.name);
    const sent: ThroughInit = { ...settings, ...(body !== undefined && { body }), [through]: bare };
    return await manager.fetch(target, sent);
  } catch (error) {
    // Callers of `fetch` know an abort by the reason that they gave, or by the name `AbortError`.
    const signal = settings.signal === undefined ? request?.signal : settings.signal;
    signal?.throwIfAborted();
    throw error;
  }
}

interface Settings {
  readonly settings: RequestInit;
  readonly authorization: string | null;
}

/** All of it is read now, as `fetch` does: the caller may change it after the call. */
function settingsOf(input: string | URL | Request, init: RequestInit | undefined): Settings {
  const read = readInit(init);
  const headers = read.headers === undefined ? undefined : new Headers(read.headers);
  const present = headers ?? (input instanceof Request ? input.headers : undefined);
  return {
    settings: headers === undefined ? read : { ...read, headers },
    authorization: present?.get("authorization") ?? null,
  };
}

function hasBody({ body }: RequestInit): boolean {
  return body !== undefined && body !== null;
}

/** A host may have asked the manager itself. */
function isOfManager(authorization: string, manager: TokenManager): boolean {
  const token = atHand(manager);
  return token !== undefined && token !== "bound" && token.authorization === authorization;
}

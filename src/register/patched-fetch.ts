import { McpAuthError } from "../errors/error.js";
import { readInit } from "../http/read-init.js";
import { debugRegistered } from "../lib/debug.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { fetchToUse, type InitWithFetch, type OwnRequests, trackOwnRequests } from "../net/own-requests.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { jsonMessage } from "./json-message.js";
import { currentTokenOf, type Registration } from "./registration.js";
import type { Match } from "./server-map.js";

/**
 * Replaces the global `fetch` by one that authorizes requests to the servers of the config, and passes all others on
 * unchanged. Returns the function that undoes it. If other code has wrapped the new `fetch`, or keeps a reference to
 * it, that stays in use and passes everything on. Throws `config_invalid` if there is no global `fetch`.
 */
export function patchFetch(registration: Registration): () => void {
  const replaced = Object.getOwnPropertyDescriptor(globalThis, "fetch");
  const originalFetch = globalFetch();
  const own = trackOwnRequests();
  let active = true;
  function fetch(this: unknown, ...args: Parameters<FetchFunction>): Promise<Response> {
    const match = active ? matchOf(registration, args[0]) : undefined;
    if (match === undefined) return Reflect.apply(originalFetch, this, args);
    debugRegistered(match.server.name, match.isVerbatim);
    return match.isVerbatim
      ? sendThroughManager({ registration, own, originalFetch }, match, args)
      : sendUnchanged({ registration, own, originalFetch }, match, args);
  }
  // Copies the name and length, and members that a platform has added.
  const { prototype: _prototype, ...members } = Object.getOwnPropertyDescriptors(originalFetch);
  Object.defineProperties(fetch, members);
  const place = (descriptor: PropertyDescriptor) => Object.defineProperty(globalThis, "fetch", descriptor);
  place({ configurable: true, enumerable: replaced?.enumerable ?? true, writable: true, value: fetch });
  const unregister = own.register((url) => registration.servers.find(url) !== undefined, originalFetch);
  return () => {
    active = false;
    unregister();
    if (globalThis.fetch === fetch && replaced !== undefined) place(replaced);
  };
}

function globalFetch(): FetchFunction {
  // Node has an option that removes it.
  const { fetch }: { readonly fetch?: FetchFunction } = globalThis;
  if (fetch !== undefined) return fetch;
  throw new McpAuthError(
    "config_invalid",
    "This process has no global fetch, so nothing can be authorized. Start it without --no-experimental-fetch.",
  );
}

/** Returns the server that a request belongs to. Never throws. */
function matchOf({ servers }: Registration, input: unknown): Match | undefined {
  const text = typeof input === "string" ? input : textOf(input);
  return text === undefined ? undefined : servers.find(text);
}

/** Returns the URL as `fetch` reads it. */
function textOf(input: unknown): string | undefined {
  if (typeof input !== "object" || input === null) return undefined;
  if (input instanceof URL) return input.href;
  try {
    return input instanceof Request ? input.url : String(input);
  } catch {
    // The underlying `fetch` rejects with the right error.
    return undefined;
  }
}

interface FetchContext {
  readonly registration: Registration;
  readonly own: OwnRequests;
  readonly originalFetch: FetchFunction;
}

/**
 * Sends a request whose URL is spelled differently from the server's. Other listeners do not add a token to it either.
 */
async function sendUnchanged(
  { registration, own, originalFetch }: FetchContext,
  { server, url }: Match,
  [input, init]: Parameters<FetchFunction>,
): Promise<Response> {
  registration.reports.spelling(server.name);
  const { settings, authorization } = settingsOf(input, init);
  const end = own.begin(url.href, authorization);
  try {
    return await originalFetch(input, settings);
  } finally {
    end();
  }
}

async function sendThroughManager(
  { registration, own, originalFetch }: FetchContext,
  { server, url }: Match,
  [input, init]: Parameters<FetchFunction>,
): Promise<Response> {
  const { settings, authorization } = settingsOf(input, init);
  const request = input instanceof Request ? input : undefined;
  const target = request ?? url.href;
  // A request of a manager, which has its token already.
  if (authorization !== null && own.includes(url.href, authorization))
    return await originalFetch(target, settings);
  const { reports } = registration;
  try {
    const body = request === undefined || hasBody(settings) ? undefined : await jsonMessage(request);
    const known = registration.loadedManager(server.name);
    const manager = known ?? (await registration.loadManager(server.name));
    if (authorization !== null && !isOfManager(authorization, manager)) reports.ownAuthorization(server.name);
    const sent: InitWithFetch = {
      ...settings,
      ...(body !== undefined && { body }),
      [fetchToUse]: originalFetch,
    };
    return await manager.fetch(target, sent);
  } catch (error) {
    // After an abort, `fetch` rejects with the reason of the signal, or with an `AbortError`.
    const signal = settings.signal === undefined ? request?.signal : settings.signal;
    signal?.throwIfAborted();
    throw error;
  }
}

interface Settings {
  readonly settings: RequestInit;
  readonly authorization: string | null;
}

/** Reads all settings before anything else, as `fetch` does, because the caller may change them after the call. */
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

/** Returns whether the program sends the token of the manager, which it may have requested itself. */
function isOfManager(authorization: string, manager: TokenManager): boolean {
  const token = currentTokenOf(manager);
  return token !== undefined && token !== "bound" && token.authorization === authorization;
}

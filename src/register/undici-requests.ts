import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { McpAuthError } from "../errors/error.js";
import { type OwnRequests, trackOwnRequests } from "../net/own-requests.js";
import { seamOf } from "../runtime/seam.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { atHand, type Registration } from "./registration.js";
import type { RegisteredServer } from "./server-map.js";

/** `Request` of undici 5 to 8, as far as it is used here. */
interface UndiciRequest {
  readonly path: string;
  /** Names and values in turn; until version 6 the text of the header section. */
  headers: string[] | string;
  addHeader(name: string, value: string): unknown;
}

/** A request that was given a token. */
interface Authorized {
  readonly manager: TokenManager;
  readonly accessToken: string;
}

/**
 * Adds the token that is at hand to requests that are made with a copy of undici, or with a `fetch` from before the global one
 * was replaced. Such a request is announced when it is made, and cannot wait: without a token at hand it is sent as it is, and
 * the next has one. It cannot be sent again after a 401 either, but the token is replaced.
 */
export function authorizeUndiciRequests(registration: Registration): () => void {
  const own = trackOwnRequests();
  const sent = new WeakMap<object, Authorized>();
  const fetching = new Set<string>();
  const foreseen = new Set<string>();
  let hasSent = false;

  const fetchAhead = (server: string): void => {
    if (fetching.has(server)) return;
    fetching.add(server);
    const failed = (error: unknown): void => {
      if (error instanceof McpAuthError) registration.reports.noToken(server, error);
    };
    registration
      .load(server)
      .then((manager) => manager.getToken())
      .catch(failed)
      .finally(() => fetching.delete(server));
  };

  const onCreate = (message: unknown): void => {
    // First of all, since every request of the process comes here.
    const origin = originOf(message);
    if (origin === undefined) return;
    const servers = registration.servers.at(origin);
    if (servers.length === 0) return;
    const request = requestOf(message);
    if (request === undefined || isBuiltIn(request)) return;
    const match = registration.servers.find(origin + request.path);
    const authorization = headerIn(request.headers, "authorization");
    if (isOwn(own, request, match?.url.href ?? origin + request.path, authorization)) return;
    for (const { name } of servers) {
      // Once: others than those of a server may be called at its origin for ever.
      if (!foreseen.has(name)) fetchAhead(name);
      foreseen.add(name);
    }
    if (match?.isVerbatim === false) registration.reports.spelling(match.server.name);
    if (match?.isVerbatim !== true) return;
    own.authorized.add(request);
    const authorized = authorize(registration, match.server, request, authorization);
    if (authorized !== undefined) awaitHeaders(request, authorized);
    // Counts as a use, which keeps the token renewed.
    fetchAhead(match.server.name);
  };

  const onHeaders = (message: unknown): void => {
    const { request, response } = answerOf(message) ?? {};
    const authorized = request && sent.get(request);
    const status = response?.statusCode;
    if (authorized === undefined || typeof status !== "number") return;
    const { manager, accessToken } = authorized;
    // The failure is an event, and the next request finds out.
    Promise.resolve()
      .then(async () => {
        if (status === 401) await seamOf(manager).refused(accessToken);
        else if (status < 400) seamOf(manager).accepted(accessToken);
      })
      .catch(() => {});
  };

  const awaitHeaders = (request: object, authorized: Authorized): void => {
    // Most programs have no copy of undici, so the responses of their requests need not come here.
    if (!hasSent) subscribe("undici:request:headers", onHeaders);
    hasSent = true;
    sent.set(request, authorized);
  };

  subscribe("undici:request:create", onCreate);
  return () => {
    unsubscribe("undici:request:create", onCreate);
    unsubscribe("undici:request:headers", onHeaders);
  };
}

/** Whether we send it, or another registration has seen to it. */
function isOwn(own: OwnRequests, request: object, url: string, authorization: string | undefined): boolean {
  return own.authorized.has(request) || own.includes(url, authorization ?? null);
}

/**
 * Whether the `fetch` that Node has built in sends it. What that was called for was looked at then, so such a request for a server
 * without our token is one that another site has redirected, and no site may send it there with our token.
 */
function isBuiltIn({ headers }: UndiciRequest): boolean {
  return headerIn(headers, "user-agent") === "node";
}

/** Gives a request the token at hand, in the place of what the program set. */
function authorize(
  { loaded, reports }: Registration,
  { name }: RegisteredServer,
  request: UndiciRequest,
  present: string | undefined,
): Authorized | undefined {
  const manager = loaded(name);
  const token = manager && atHand(manager);
  if (manager === undefined || token === undefined) return undefined;
  if (token === "bound") {
    reports.bound(name);
    return undefined;
  }
  if (present === undefined) request.addHeader("authorization", token.authorization);
  else if (present !== token.authorization) {
    replaceAuthorization(request, token.authorization);
    reports.ownAuthorization(name);
  }
  return { manager, accessToken: token.accessToken };
}

function headerIn(headers: UndiciRequest["headers"], name: string): string | undefined {
  if (typeof headers === "string") return headerLine(name).exec(headers)?.[1]?.trimEnd();
  const index = indexOf(headers, name);
  return index === -1 ? undefined : headers[index + 1];
}

function replaceAuthorization(request: UndiciRequest, value: string): void {
  const { headers } = request;
  if (typeof headers === "string") {
    // A function, since a replacement text would be searched for `$`.
    request.headers = headers.replace(headerLine("authorization"), () => `authorization: ${value}\r`);
    return;
  }
  headers[indexOf(headers, "authorization") + 1] = value;
}

function headerLine(name: string): RegExp {
  return new RegExp(`^${name}: (.*)$`, "im");
}

function indexOf(headers: readonly string[], wanted: string): number {
  return headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === wanted);
}

/** `undefined` for what is no request of undici. */
function originOf(message: unknown): string | undefined {
  // Any value may be asked for a member in this way.
  const origin = (message as { readonly request?: { readonly origin?: unknown } } | undefined)?.request
    ?.origin;
  if (typeof origin === "string") return origin;
  return origin instanceof URL ? origin.origin : undefined;
}

/** What other versions of undici may publish there is left alone. */
function requestOf(message: unknown): UndiciRequest | undefined {
  const request: unknown = Reflect.get(Object(message), "request");
  if (typeof request !== "object" || request === null) return undefined;
  const { path, headers, addHeader } = request as Partial<Record<keyof UndiciRequest, unknown>>;
  const isRequest =
    typeof path === "string" &&
    (typeof headers === "string" || Array.isArray(headers)) &&
    typeof addHeader === "function";
  // Each member was looked at.
  return isRequest ? (request as UndiciRequest) : undefined;
}

function answerOf(message: unknown): { request: object; response: { statusCode?: unknown } } | undefined {
  const { request, response } = Object(message) as { request?: unknown; response?: unknown };
  if (typeof request !== "object" || request === null) return undefined;
  return typeof response === "object" && response !== null ? { request, response } : undefined;
}

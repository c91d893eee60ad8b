import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import { trackOwnRequests } from "../net/own-requests.js";
import { internalsOf } from "../runtime/manager-internals.js";
import type { TokenManager } from "../runtime/token-manager.js";
import { ForeignRedirects } from "./foreign-redirects.js";
import { currentTokenOf, type Registration } from "./registration.js";
import type { RegisteredServer } from "./server-map.js";
import { subscriber } from "./subscriber.js";
import {
  headerIn,
  isOfGlobalFetch,
  originOf,
  requestOf,
  responseOf,
  setAuthorization,
  type UndiciRequest,
} from "./undici-messages.js";

/** The token that a request was sent with. */
interface Authorized {
  readonly manager: TokenManager;
  readonly accessToken: string;
}

/** The tokens of an origin with more servers, such as a gateway, are not requested in advance. */
const maxPrefetched = 8;

/**
 * Adds the current token to requests that are made with a copy of undici, or with a `fetch` from before the global one
 * was replaced. Such a request is announced when it is made and cannot wait. Without a current token it is sent
 * unchanged, and a token is requested for the next one. It cannot be sent again after a 401, but the token is replaced.
 * If there are several registrations, the latest one decides.
 */
export function authorizeUndiciRequests(registration: Registration): () => void {
  const own = trackOwnRequests();
  const sent = new WeakMap<object, Authorized>();
  const fetching = new Set<string>();
  const prefetched = new Set<string>();
  const redirects = new ForeignRedirects();
  let isWatching = false;

  const fetchAhead = (server: string): void => {
    prefetched.add(server);
    if (fetching.has(server)) return;
    fetching.add(server);
    const failed = (error: unknown): void => {
      if (error instanceof McpAuthError) registration.reports.noToken(server, error);
      else ignoreFailureInBackground(error);
    };
    registration
      .loadManager(server)
      .then((manager) => manager.getToken())
      .catch(failed)
      .finally(() => fetching.delete(server));
  };

  /** Requests tokens once for the servers at an origin, because the program may never call them. */
  const prefetchAll = (servers: readonly RegisteredServer[]): void => {
    if (servers.length > maxPrefetched) return;
    for (const { name } of servers) if (!prefetched.has(name)) fetchAhead(name);
  };

  /**
   * Subscribes to responses as soon as a copy of undici is in use. Most programs have no copy, and each message costs
   * time.
   */
  const watchResponses = (): void => {
    if (isWatching) return;
    isWatching = true;
    subscribe("undici:request:headers", listeners.headers);
  };

  const onCreate = (message: unknown): void => {
    const isOfCopy = !isOfGlobalFetch(message);
    if (isOfCopy) watchResponses();
    const origin = originOf(message);
    if (origin === undefined) return;
    const servers = registration.servers.at(origin);
    if (servers.length === 0) return;
    const request = requestOf(message);
    if (request === undefined) return;
    const match = registration.servers.find(`${origin}${request.path}`);
    const authorization = headerIn(request, "authorization");
    const url = match?.url ?? new URL(request.path, origin);
    if (!own.authorized.has(request) && own.includes(url.href, authorization ?? null)) return;
    if (redirects.isFollowedBy(request, url)) return;
    // The global fetch waits for its token. If it sends a request without one, another site may have redirected it.
    if (isOfCopy) prefetchAll(servers);
    if (match?.isVerbatim === false) registration.reports.spelling(match.server.name);
    if (match?.isVerbatim !== true) return;
    if (!isWatching) {
      watchResponses();
      return;
    }
    const authorized = authorize(match.server.name, request, authorization);
    if (authorized !== undefined) sent.set(request, authorized);
    // This counts as a use, so the token keeps being renewed.
    fetchAhead(match.server.name);
  };

  /** Gives a request the current token, in place of a header that the program set. */
  const authorize = (
    name: string,
    request: UndiciRequest,
    present: string | undefined,
  ): Authorized | undefined => {
    const { reports } = registration;
    const manager = registration.loadedManager(name);
    const token = manager && currentTokenOf(manager);
    if (manager === undefined || token === undefined) return undefined;
    if (token === "bound") {
      reports.bound(name);
      return undefined;
    }
    const isOfProgram = present !== undefined && !own.authorized.has(request);
    if (isOfProgram && present !== token.authorization) reports.ownAuthorization(name);
    setAuthorization(request, token.authorization);
    own.authorized.set(request, registration);
    return { manager, accessToken: token.accessToken };
  };

  const onHeaders = (message: unknown): void => {
    const { statusCode: status, headers } = responseOf(message);
    if (typeof status !== "number") return;
    const request = requestOf(message);
    if (request === undefined) return;
    const isRedirect = status >= 300 && status < 400;
    if (isRedirect)
      redirects.note(request, `${originOf(message)}${request.path}`, headers, registration.servers);
    const authorized = sent.get(request);
    if (authorized === undefined || own.authorized.get(request) !== registration) return;
    const { manager, accessToken } = authorized;
    // A failure is an event, and the next request gets the error.
    Promise.resolve()
      .then(async () => {
        if (status === 401) await internalsOf(manager).reportRefused(accessToken);
        else if (status < 400) internalsOf(manager).reportAccepted(accessToken);
      })
      .catch(ignoreFailureInBackground);
  };

  const listeners = { create: subscriber(onCreate), headers: subscriber(onHeaders) };
  subscribe("undici:request:create", listeners.create);
  return () => {
    unsubscribe("undici:request:create", listeners.create);
    unsubscribe("undici:request:headers", listeners.headers);
  };
}

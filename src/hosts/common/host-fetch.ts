import type { FetchFunction, TokenManager } from "../../index.js";
import { ownAuthorizationWarning } from "../../lib/own-authorization.js";

/**
 * Returns the `fetch` that adapters give to hosts: the manager's, which replaces an `Authorization` header of the host.
 * A process warning tells about such a header, once, because it has no effect.
 */
export function hostFetch(manager: TokenManager): FetchFunction {
  const { name, fetch } = manager;
  let isFirst = true;
  return async (input, init) => {
    // The options of a host are the same for all its requests.
    if (isFirst && setsAuthorization(input, init))
      process.emitWarning(ownAuthorizationWarning(name), { type: "McpAuthWarning" });
    isFirst = false;
    return await fetch(input, init);
  };
}

/** Looks only at headers that can be read twice: those of an iterator are for `fetch`. */
function setsAuthorization(...[input, init]: Parameters<FetchFunction>): boolean {
  const headers = init?.headers;
  if (headers === undefined) return input instanceof Request && input.headers.has("authorization");
  if (headers instanceof Headers) return headers.has("authorization");
  const names = Array.isArray(headers) ? headers.map(([name]) => name) : Object.keys(headers);
  return names.some((name) => String(name).toLowerCase() === "authorization");
}

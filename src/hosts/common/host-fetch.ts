import type { FetchFunction, TokenManager } from "../../index.js";
import { ownAuthorizationWarning } from "../../lib/own-authorization.js";

/**
 * Returns the `fetch` that adapters give to hosts: the manager's, which replaces an `Authorization` header of the host.
 * A process warning tells about such a header, once, because it has no effect.
 */
export function hostFetch(manager: TokenManager): FetchFunction {
  const { name, fetch } = manager;
  let isFirst = true;
  return (input, init) => {
    // The options of a host are the same for all its requests.
    if (isFirst && setsAuthorization(input, init))
      process.emitWarning(ownAuthorizationWarning(name), { type: "McpAuthWarning" });
    isFirst = false;
    return fetch(input, init);
  };
}

function setsAuthorization(...[input, init]: Parameters<FetchFunction>): boolean {
  if (init?.headers !== undefined) return new Headers(init.headers).has("authorization");
  return input instanceof Request && input.headers.has("authorization");
}

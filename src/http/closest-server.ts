import { isWithinPath } from "./reach.js";

/**
 * Whether `url` has the same values for each query parameter of `server`, in the same order if a parameter is repeated.
 * `url` may have further parameters.
 */
export function hasQueryOf(url: URL, server: URL): boolean {
  return differingParameters(url, server).length === 0;
}

/**
 * Whether `url` belongs to the resource at `server`: its path is that of the server or below, and no query parameter of
 * the server has another value. A parameter may be missing, because servers also name URLs without it.
 */
export function isSameResource(url: URL, server: URL): boolean {
  if (!isWithinPath(url.pathname, server.pathname)) return false;
  return differingParameters(url, server).every((name) => !url.searchParams.has(name));
}

interface ServerWithAddress {
  /** `undefined` for a server without a usable URL. */
  readonly address: URL | undefined;
}

/**
 * Returns the server that `url` belongs to: one with the same origin, a path at or above that of `url`, and query
 * parameters that `url` has too. The longest path wins, then the most parameters, then the first server.
 */
export function closestServer<S extends ServerWithAddress>(url: URL, servers: Iterable<S>): S | undefined {
  let closest: { readonly server: S; readonly address: URL } | undefined;
  for (const server of servers) {
    const { address } = server;
    if (address?.origin !== url.origin || !isWithinPath(url.pathname, address.pathname)) continue;
    if (!hasQueryOf(url, address)) continue;
    if (closest === undefined || isCloser(address, closest.address)) closest = { server, address };
  }
  return closest?.server;
}

function isCloser(a: URL, b: URL): boolean {
  return (
    a.pathname.length > b.pathname.length ||
    (a.pathname.length === b.pathname.length && a.searchParams.size > b.searchParams.size)
  );
}

/** Returns the query parameters of `server` for which `url` has no or other values. */
function differingParameters(url: URL, server: URL): readonly string[] {
  // `closestServer` calls this for each server, and most have no query.
  if (server.search === "") return [];
  const given = url.searchParams;
  const wanted = server.searchParams;
  return [...new Set(wanted.keys())].filter((name) => !isSameList(given.getAll(name), wanted.getAll(name)));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

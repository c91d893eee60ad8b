import { isWithinPath } from "./reach.js";

/**
 * Whether `url` has the same values for each query parameter of `server`: the same ones, in the same order where a
 * parameter is repeated. Further parameters of `url` do not matter.
 */
export function hasQueryOf(url: URL, server: URL): boolean {
  return differing(url, server).length === 0;
}

/**
 * Whether a request to `url` is one to the resource at `server`: its path or below, and no parameter of the server's
 * query with other values. A parameter that is missing contradicts nothing, since servers also name URLs of their own.
 */
export function isSameResource(url: URL, server: URL): boolean {
  if (!isWithinPath(url.pathname, server.pathname)) return false;
  return differing(url, server).every((name) => !url.searchParams.has(name));
}

interface Addressed {
  /** `undefined` for a server without a usable URL. */
  readonly address: URL | undefined;
}

/**
 * The server that `url` belongs to: same origin, at or below the server's path, and with the server's query parameters.
 * The longest path wins, then the most parameters, then the first.
 */
export function closestServer<S extends Addressed>(url: URL, servers: Iterable<S>): S | undefined {
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

/** The parameters of `server` that `url` does not have with the same values. */
function differing(url: URL, server: URL): readonly string[] {
  // Most servers have no query, and this is asked about each of them.
  if (server.search === "") return [];
  const given = url.searchParams;
  const wanted = server.searchParams;
  return [...new Set(wanted.keys())].filter((name) => !isSameList(given.getAll(name), wanted.getAll(name)));
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}

import { closestServer } from "./closest-server.js";

/** A server with a usable URL. */
export interface IndexedServer {
  readonly address: URL;
}

/**
 * Finds the server that a URL belongs to, as `closestServer` does. A config may have thousands of servers, so they are
 * found by origin, path and query, and not compared one by one.
 */
export class ServerIndex<S extends IndexedServer> {
  readonly #byOrigin = new Map<string, ServersAtOrigin<S>>();

  /** Adds a server. Servers are added in the order of the config. `origins`: those under which `at` finds it. */
  add(server: S, origins: Iterable<string> = [server.address.origin]): void {
    for (const origin of origins) {
      const servers = this.#byOrigin.get(origin) ?? new ServersAtOrigin();
      this.#byOrigin.set(origin, servers);
      servers.add(server);
    }
  }

  at(origin: string): ServersAtOrigin<S> | undefined {
    return this.#byOrigin.get(origin);
  }

  /** Returns the server that a URL belongs to, `undefined` if there is none. */
  closest(url: URL): S | undefined {
    return this.at(url.origin)?.closest(url);
  }
}

/** The servers whose URLs have the same path and the same parameters, by the values of these parameters. */
interface SameParameters<S> {
  readonly names: readonly string[];
  readonly byValues: Map<string, Placed<S>>;
}

interface Placed<S> {
  readonly server: S;
  /** Its place in the config, from 0. */
  readonly place: number;
}

/** The servers at one origin. */
export class ServersAtOrigin<S extends IndexedServer> {
  /** In the order of the config. */
  readonly all: S[] = [];
  /** By path, and by the names of the parameters. */
  readonly #byPath = new Map<string, Map<string, SameParameters<S>>>();
  /** The lengths of the paths. There are few, even with many servers. */
  readonly #lengths = new Set<number>();

  add(server: S): void {
    const { address } = server;
    const { pathname } = address;
    const place = this.all.push(server) - 1;
    this.#lengths.add(pathname.length);
    const byNames = this.#byPath.get(pathname) ?? new Map<string, SameParameters<S>>();
    this.#byPath.set(pathname, byNames);
    const names = address.search === "" ? [] : [...new Set(address.searchParams.keys())].sort();
    const key = JSON.stringify(names);
    const group = byNames.get(key) ?? { names, byValues: new Map<string, Placed<S>>() };
    byNames.set(key, group);
    const values = valuesOf(address, names);
    // Of servers with the same URL, only the first is ever found.
    if (!group.byValues.has(values)) group.byValues.set(values, { server, place });
  }

  /** Returns the server that a URL at this origin belongs to, `undefined` if there is none. */
  closest(url: URL): S | undefined {
    const candidates: Placed<S>[] = [];
    for (const length of this.#lengths) {
      const byNames = this.#byPath.get(url.pathname.slice(0, length));
      if (byNames === undefined || length > url.pathname.length) continue;
      for (const { names, byValues } of byNames.values()) {
        const placed = byValues.get(valuesOf(url, names));
        if (placed !== undefined) candidates.push(placed);
      }
    }
    // Of servers that are equally close, the first in the config is found.
    const inOrder = candidates.sort((a, b) => a.place - b.place);
    return closestServer(
      url,
      inOrder.map(({ server }) => server),
    );
  }
}

/** Returns the values of query parameters, as a key. */
function valuesOf(url: URL, names: readonly string[]): string {
  // Most servers have no query, and reading the parameters takes longer than the rest of the search.
  return names.length === 0 ? "" : JSON.stringify(names.map((name) => url.searchParams.getAll(name)));
}

import type { ServerMap } from "./server-map.js";

/**
 * The number of redirects that are remembered. Without a limit, a site that redirects to many URLs could fill the
 * memory.
 */
const maxTargets = 256;

/**
 * Remembers redirects of other sites to servers of the config. A copy of undici, and `fetch`, follow such a redirect
 * with an ordinary request. If that request got a token, the other site could choose what is requested from the server.
 */
export class ForeignRedirects {
  /** The targets of redirects that have not been followed yet. */
  readonly #targets = new Set<string>();
  /** Requests that followed such a redirect. If they are redirected again, the other site has caused that too. */
  readonly #followers = new WeakSet<object>();

  /** Notes a response that redirects a request for the URL `from`. */
  note(request: object, from: string, headers: unknown, servers: ServerMap): void {
    if (!Array.isArray(headers)) return;
    for (const location of locationsIn(headers)) {
      if (!URL.canParse(location, from)) continue;
      const target = new URL(location, from);
      target.hash = "";
      const server = servers.find(target.href)?.server;
      const isForeign = servers.find(from)?.server !== server || this.#followers.has(request);
      if (server === undefined || !isForeign) continue;
      this.#targets.add(nameOf(target));
      if (this.#targets.size > maxTargets) this.#targets.delete(this.#targets.values().next().value ?? "");
    }
  }

  /** Returns whether a request for this URL follows such a redirect. Each redirect is followed once. */
  isFollowedBy(request: object, url: URL): boolean {
    if (this.#targets.size === 0 || !this.#targets.delete(nameOf(url))) return false;
    this.#followers.add(request);
    return true;
  }
}

/** Returns the URL without the question mark of an empty query, which not every client sends. */
function nameOf({ origin, pathname, search }: URL): string {
  return origin + pathname + search;
}

/**
 * Returns all values that `Location` may have. Versions of undici differ in the encoding, and in how they join repeated
 * headers.
 */
function locationsIn(headers: readonly unknown[]): Set<string> {
  const values = headers.filter(
    (_, index) => index % 2 === 1 && textOf(headers[index - 1], "latin1").toLowerCase() === "location",
  );
  return new Set(
    (["latin1", "utf8"] as const).flatMap((encoding) => {
      const texts = values.map((value) => textOf(value, encoding));
      return [...texts, texts.join(", ")];
    }),
  );
}

function textOf(value: unknown, encoding: "latin1" | "utf8"): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString(encoding) : String(value);
}

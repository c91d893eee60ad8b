import { ServerIndex, type ServersAtOrigin } from "../http/server-index.js";

/** A server of the config. */
export interface RegisteredServer {
  readonly name: string;
  /** The URL of the config, with variables filled in. */
  readonly url: string;
  readonly address: URL;
}

export interface Match {
  readonly server: RegisteredServer;
  readonly url: URL;
  /**
   * Whether the URL of the request, as it is written, begins with the server's URL (normalized, or as the config spells
   * it), and continues without dot segments and characters that `fetch` removes or replaces. Otherwise the request gets
   * no token, because other code may interpret the text as a URL of another server.
   */
  readonly isVerbatim: boolean;
}

/** The length of `https://`. The slash that ends an origin comes after that many characters. */
const schemeLength = 8;

/** The number of origins without a server that are remembered: more than a program calls alternately. */
const maxUnknownOrigins = 1_000;

/**
 * Finds the server that a request belongs to. For a URL at another origin this costs one lookup in a map of origins,
 * and less if the request before went to the same origin.
 */
export class ServerMap {
  readonly #index = new ServerIndex<RegisteredServer>();
  /** Origins without a server, normalized. */
  readonly #unknownOrigins = new Set<string>();
  /** The last of these origins. Comparing it saves a lookup in the map, whose cost is measurable with loopback. */
  #lastUnknown: string | undefined;
  /** The last of these origins as it was spelled, with the slash after it. */
  #lastUnknownPrefix = "/";

  /** `urls` has the URLs by server name, in the order of the config. */
  constructor(urls: ReadonlyMap<string, string>) {
    for (const [name, url] of urls) {
      if (!URL.canParse(url)) continue;
      const server = { name, url, address: new URL(url) };
      // The config may spell it with the default port or in capitals.
      this.#index.add(server, new Set([server.address.origin, originIn(url)]));
    }
  }

  /** Returns the servers at an origin, in the order of the config. */
  at(origin: string): readonly RegisteredServer[] {
    if (origin === this.#lastUnknown) return none;
    const servers = this.#index.at(origin);
    if (servers !== undefined) return servers.all;
    this.#lastUnknown = origin;
    return none;
  }

  /** Returns the server with the longest URL that the text is at or below. */
  find(text: string): Match | undefined {
    if (text.startsWith(this.#lastUnknownPrefix)) return undefined;
    const origin = originIn(text);
    const servers = this.#index.at(origin) ?? this.#atNormalizedOrigin(text, origin);
    if (servers === undefined || !URL.canParse(text)) return undefined;
    const url = new URL(text);
    const server = servers.closest(url);
    if (server === undefined || isDiscovery(url, server)) return undefined;
    return { server, url, isVerbatim: isVerbatim(text, server) };
  }

  /** Returns the servers at an origin that the text does not spell in its normalized form. */
  #atNormalizedOrigin(text: string, origin: string): ServersAtOrigin<RegisteredServer> | undefined {
    if (!this.#unknownOrigins.has(origin)) {
      const parsed = URL.canParse(text) ? new URL(text).origin : undefined;
      if (parsed !== origin) return parsed === undefined ? undefined : this.#index.at(parsed);
      if (this.#unknownOrigins.size === maxUnknownOrigins) this.#unknownOrigins.clear();
      this.#unknownOrigins.add(origin);
    }
    // Without the slash, the text could be the start of another origin.
    if (origin !== text) this.#lastUnknownPrefix = `${origin}/`;
    return undefined;
  }
}

const none: readonly RegisteredServer[] = [];

/** Returns the text before the path, or before the query if there is no path. */
function originIn(text: string): string {
  const end = text.indexOf("/", schemeLength);
  const start = end === -1 ? text : text.slice(0, end);
  return /[?#]/.test(start) ? start.slice(0, start.search(/[?#]/)) : start;
}

/** Whether the URL is that of metadata (RFC 9728, RFC 8414) at or below the server. Such a request is not a call. */
function isDiscovery({ pathname }: URL, { address }: RegisteredServer): boolean {
  return /(?:^|\/)\.well-known(?:\/|$)/.test(pathname.slice(address.pathname.length));
}

function isVerbatim(text: string, { url, address }: RegisteredServer): boolean {
  const { origin, pathname } = address;
  const starts = [pathname === "/" ? origin : origin + pathname, beforeQuery(url)];
  const start = starts.find((each) => text.startsWith(each));
  // `fetch` removes tabs and line breaks anywhere, and control characters and spaces at the end.
  if (start === undefined || /[\t\n\r]|[\0- ]$/.test(text)) return false;
  return !/\\|(?:^|\/)(?:\.|%2e){1,2}(?=\/|$)/i.test(beforeQuery(text.slice(start.length)));
}

function beforeQuery(text: string): string {
  return text.split(/[?#]/, 1)[0] ?? "";
}

import { closestServer } from "../http/closest-server.js";

/** A server of the config. */
export interface RegisteredServer {
  readonly name: string;
  /** As the config has it, variables filled in. */
  readonly url: string;
  readonly address: URL;
}

export interface Match {
  readonly server: RegisteredServer;
  readonly url: URL;
  /**
   * The text of the request begins with the server's URL, in its normal form or as the config spells it, and goes on without dot
   * segments and what a `fetch` drops or replaces. Code that reads any other text in another way than ours would take the request
   * for one to elsewhere, so it gets no token.
   */
  readonly isVerbatim: boolean;
}

/** The length of `https://`; the slash that ends an origin comes later. */
const schemeLength = 8;

/** Origins that are known to have no server. More than a program calls in turns. */
const mostElsewhere = 1_000;

/**
 * Finds the server that a request belongs to. For a URL at any other origin that costs one look at a map of origins, and less
 * where the one before was at the same.
 */
export class ServerMap {
  readonly #byOrigin = new Map<string, ServersAtOrigin>();
  /** Origins that have no server, in their normal form. */
  readonly #elsewhere = new Set<string>();
  /** The last of them. A request over loopback takes so little that a look at the map is felt. */
  #lastElsewhere: string | undefined;
  /** The same for texts, with the slash that ends an origin. */
  #startElsewhere = "/";

  /** @param urls by the names of the servers, in the order of the config */
  constructor(urls: ReadonlyMap<string, string>) {
    for (const [name, url] of urls) {
      if (!URL.canParse(url)) continue;
      const server = { name, url, address: new URL(url) };
      // The config may spell it with the port that is the default, or in capitals.
      for (const origin of new Set([server.address.origin, originIn(url)])) this.#at(origin).add(server);
    }
  }

  /** The servers at an origin, in the order of the config. */
  at(origin: string): readonly RegisteredServer[] {
    if (origin === this.#lastElsewhere) return none;
    const servers = this.#byOrigin.get(origin);
    if (servers !== undefined) return servers.all;
    this.#lastElsewhere = origin;
    return none;
  }

  /** The server whose URL this text is or lies below, the closest of several. */
  find(text: string): Match | undefined {
    if (text.startsWith(this.#startElsewhere)) return undefined;
    const origin = originIn(text);
    const servers = this.#byOrigin.get(origin) ?? this.#spelledOtherwise(text, origin);
    if (servers === undefined || !URL.canParse(text)) return undefined;
    const url = new URL(text);
    const server = closestServer(url, servers.above(url.pathname));
    if (server === undefined || isDiscovery(url, server)) return undefined;
    return { server, url, isVerbatim: isVerbatim(text, server) };
  }

  /** The servers at an origin that a text spells in another way than in its normal form. */
  #spelledOtherwise(text: string, origin: string): ServersAtOrigin | undefined {
    if (!this.#elsewhere.has(origin)) {
      const parsed = URL.canParse(text) ? new URL(text).origin : undefined;
      if (parsed !== origin) return parsed === undefined ? undefined : this.#byOrigin.get(parsed);
      if (this.#elsewhere.size === mostElsewhere) this.#elsewhere.clear();
      this.#elsewhere.add(origin);
    }
    // Without the slash it could be the beginning of another origin.
    if (origin !== text) this.#startElsewhere = `${origin}/`;
    return undefined;
  }

  #at(origin: string): ServersAtOrigin {
    const known = this.#byOrigin.get(origin) ?? new ServersAtOrigin();
    this.#byOrigin.set(origin, known);
    return known;
  }
}

const none: readonly RegisteredServer[] = [];

/** A gateway has all of its servers at one origin: which of a thousand a path may belong to is found without asking each. */
class ServersAtOrigin {
  readonly all: RegisteredServer[] = [];
  readonly #byPath = new Map<string, RegisteredServer[]>();
  /** Of the paths. There are few, however many servers. */
  readonly #lengths = new Set<number>();

  add(server: RegisteredServer): void {
    const { pathname } = server.address;
    this.all.push(server);
    this.#byPath.set(pathname, [...(this.#byPath.get(pathname) ?? []), server]);
    this.#lengths.add(pathname.length);
  }

  /** Those whose path a path begins with; for those of one path in the order of the config. */
  above(pathname: string): RegisteredServer[] {
    return [...this.#lengths].flatMap((length) =>
      length > pathname.length ? [] : (this.#byPath.get(pathname.slice(0, length)) ?? []),
    );
  }
}

/** What is written before the path, or before the query where there is no path. */
function originIn(text: string): string {
  const end = text.indexOf("/", schemeLength);
  const start = end === -1 ? text : text.slice(0, end);
  return /[?#]/.test(start) ? start.slice(0, start.search(/[?#]/)) : start;
}

/** A host that looks for metadata (RFC 9728, RFC 8414) at or below a server is not calling it. */
function isDiscovery({ pathname }: URL, { address }: RegisteredServer): boolean {
  return /(?:^|\/)\.well-known(?:\/|$)/.test(pathname.slice(address.pathname.length));
}

function isVerbatim(text: string, { url, address }: RegisteredServer): boolean {
  const { origin, pathname } = address;
  const starts = [pathname === "/" ? origin : origin + pathname, beforeQuery(url)];
  const start = starts.find((each) => text.startsWith(each));
  // Tabs and line breaks are dropped wherever they stand, and what cannot be seen at the end.
  if (start === undefined || /[\t\n\r]|[\0- ]$/.test(text)) return false;
  return !/\\|(?:^|\/)(?:\.|%2e){1,2}(?=\/|$)/i.test(beforeQuery(text.slice(start.length)));
}

function beforeQuery(text: string): string {
  return text.split(/[?#]/, 1)[0] ?? "";
}

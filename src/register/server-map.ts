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
   * The text of the request is the URL in its normal form, or as the config spells it. A `fetch` that reads it any other way
   * than ours would send the request elsewhere, so no other text gets a token.
   */
  readonly isVerbatim: boolean;
}

/** The length of `https://`; the slash that ends an origin comes later. */
const schemeLength = 8;

/**
 * Finds the server that a request belongs to. For a URL at any other origin that costs one look at a map of origins, and less
 * where the one before was at the same.
 */
export class ServerMap {
  readonly #byOrigin = new Map<string, ServersAtOrigin>();
  /** The last of the origins that have no server. A request over loopback takes so little that a look at the map is felt. */
  #elsewhere: string | undefined;
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
    if (origin === this.#elsewhere) return none;
    const servers = this.#byOrigin.get(origin);
    if (servers !== undefined) return servers.all;
    this.#elsewhere = origin;
    return none;
  }

  /** The server whose URL this text is or lies below, the closest of several. */
  find(text: string): Match | undefined {
    if (text.startsWith(this.#startElsewhere)) return undefined;
    const origin = originIn(text);
    const servers = this.#byOrigin.get(origin);
    if (servers === undefined) {
      // Without the slash it could be the beginning of another origin.
      if (origin !== text) this.#startElsewhere = `${origin}/`;
      return undefined;
    }
    if (!URL.canParse(text)) return undefined;
    const url = new URL(text);
    const server = closestServer(url, servers.above(url.pathname));
    if (server === undefined || isDiscovery(url, server)) return undefined;
    return { server, url, isVerbatim: isVerbatim(text, url, server) };
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

/** What is written before the path. */
function originIn(text: string): string {
  const end = text.indexOf("/", schemeLength);
  return end === -1 ? text : text.slice(0, end);
}

/** A host that looks for metadata (RFC 9728, RFC 8414) at or below a server is not calling it. */
function isDiscovery({ pathname }: URL, { address }: RegisteredServer): boolean {
  return /(?:^|\/)\.well-known(?:\/|$)/.test(pathname.slice(address.pathname.length));
}

function isVerbatim(text: string, { href, origin }: URL, { url, address }: RegisteredServer): boolean {
  if (text === href || text === origin) return true;
  return text.startsWith(url) && address.href + text.slice(url.length) === href;
}

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

/** Finds the server that a request belongs to. For any other URL that costs one look at a map of origins. */
export class ServerMap {
  readonly #byOrigin = new Map<string, RegisteredServer[]>();

  /** @param urls by the names of the servers, in the order of the config */
  constructor(urls: ReadonlyMap<string, string>) {
    for (const [name, url] of urls) {
      if (!URL.canParse(url)) continue;
      const server = { name, url, address: new URL(url) };
      // The config may spell it with the port that is the default, or in capitals.
      for (const origin of new Set([server.address.origin, originIn(url)])) {
        const others = this.#byOrigin.get(origin);
        if (others === undefined) this.#byOrigin.set(origin, [server]);
        else others.push(server);
      }
    }
  }

  /** The servers at an origin, in the order of the config. */
  at(origin: string): readonly RegisteredServer[] {
    return this.#byOrigin.get(origin) ?? [];
  }

  /** The server whose URL this text is or lies below, the closest of several. */
  find(text: string): Match | undefined {
    const servers = this.#byOrigin.get(originIn(text));
    if (servers === undefined || !URL.canParse(text)) return undefined;
    const url = new URL(text);
    const server = closestServer(url, servers);
    if (server === undefined || isDiscovery(url, server)) return undefined;
    return { server, url, isVerbatim: isVerbatim(text, url, server) };
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

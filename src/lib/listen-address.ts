/** Where a server listens. */
export interface ListenAddress {
  /** An IP address, without brackets. */
  readonly host: string;
  /** 0: the system chooses a free port. */
  readonly port: number;
}

/**
 * Parses an IP address and a port: `127.0.0.1:8080`, `[::1]:8080`. Returns `undefined` for any other text. A host name
 * is none, because what it resolves to can change.
 */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, written = "", digits] = /^([\d.]+|\[[\dA-Fa-f:.]+\]):(\d{1,5})$/.exec(text) ?? [];
  const [port, url] = [Number(digits), `http://${written}/`];
  if (!(port <= 65_535) || !URL.canParse(url)) return undefined;
  // `node:net` has a check, but it takes milliseconds to load. `URL` also reads short forms of IPv4, such as `127.1`.
  const { hostname } = new URL(url);
  if (!written.startsWith("[") && hostname !== written) return undefined;
  return { host: withoutBrackets(hostname), port };
}

/** Returns a host as sockets take it. In a URL, an IPv6 address is in brackets. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

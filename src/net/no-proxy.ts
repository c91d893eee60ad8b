import { BlockList, isIP } from "node:net";

/**
 * Returns whether a `NO_PROXY` list excludes a URL from the proxy. Entries are separated by commas or spaces. A name
 * matches itself and its subdomains, with or without a dot or `*.` in front; an address matches itself; a range such as
 * `10.0.0.0/8` matches all addresses in it; `*` matches everything. `:port` restricts an entry to that port.
 */
export function isExempt(url: URL, noProxy: string): boolean {
  const host = plainHostname(url.hostname);
  const port = url.port === "" ? (url.protocol === "https:" ? "443" : "80") : url.port;
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => entry !== "" && matches(entry, host, port));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const { name, wantedPort } = parseEntry(entry);
  if (wantedPort !== undefined && wantedPort !== port) return false;
  if (isIP(host) !== 0) return name.includes("/") ? inRange(host, name) : sameAddress(host, name);
  const suffix = name.replace(/^\*?\./, "").replace(/\.$/, "");
  return suffix !== "" && (host === suffix || host.endsWith(`.${suffix}`));
}

function parseEntry(entry: string): { readonly name: string; readonly wantedPort?: string } {
  const inBrackets = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry);
  // More than one colon without brackets is an IPv6 address.
  const [, name = entry, wantedPort] = inBrackets ?? /^([^:]*):(\d+)$/.exec(entry) ?? [];
  return wantedPort === undefined ? { name } : { name, wantedPort };
}

function sameAddress(host: string, name: string): boolean {
  if (isIP(name) !== isIP(host)) return false;
  return inRange(host, `${name}/${isIP(host) === 6 ? 128 : 32}`);
}

function inRange(host: string, range: string): boolean {
  const [network = "", length = ""] = range.split("/", 2);
  const version = isIP(network);
  const bits = /^\d{1,3}$/.test(length) ? Number(length) : Number.NaN;
  if (version === 0 || version !== isIP(host) || !(bits <= (version === 6 ? 128 : 32))) return false;
  const list = new BlockList();
  const family = version === 6 ? "ipv6" : "ipv4";
  list.addSubnet(network, bits, family);
  return list.check(host, family);
}

/** Removes brackets, and the trailing dot of a complete name. */
function plainHostname(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

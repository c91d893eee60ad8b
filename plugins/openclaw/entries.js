// The entries of `mcp.servers` in openclaw.json. They keep the address and the token of the proxy between starts.

const tokenHeader = "MCP-Auth-Proxy-Token";

/** Milliseconds, above the default `deadline` of the config, for which a first request may wait for a token. */
const connectionTimeoutMs = 45_000;

/** @typedef {Record<string, unknown> & { url?: string, headers?: Record<string, string> }} Entry */
/** @typedef {{ name: string, serverUrl: string, proxyUrl: string }} Target */

/**
 * Returns where the entries expect the proxy, and the token that they send, so that they stay valid. Returns `undefined`
 * before the first start.
 *
 * @param {Readonly<Record<string, Entry>>} entries
 * @param {readonly string[]} names
 */
export function earlierAddress(entries, names) {
  for (const name of names) {
    const { url, headers } = entries[name] ?? {};
    const token = headers?.[tokenHeader];
    if (url !== undefined && token !== undefined) return { listen: new URL(url).host, token };
  }
  return undefined;
}

/**
 * Returns the entries that must be written, and the names of entries that belong to another server. Other settings of an
 * entry stay, but a login of OpenClaw does not, since the proxy authorizes the requests.
 *
 * @param {Readonly<Record<string, Entry>>} entries
 * @param {readonly Target[]} targets
 */
export function changedEntries(entries, targets) {
  /** @type {Record<string, Entry>} */
  const changed = {};
  /** @type {string[]} */
  const foreign = [];
  for (const { name, serverUrl, proxyUrl } of targets) {
    const entry = entries[name] ?? {};
    const { auth, oauth, type, headers, ...kept } = entry;
    const [, token = "", path] = new URL(proxyUrl).pathname.split("/");
    const url = new URL(`/${path}`, proxyUrl).href;
    const isOurs = headers?.[tokenHeader] !== undefined;
    if (isOurs && headers?.[tokenHeader] === token && entry.url === url) continue;
    if (entries[name] !== undefined && !isOurs && entry.url !== serverUrl) foreign.push(name);
    else
      changed[name] = {
        connectionTimeoutMs,
        ...kept,
        url,
        transport: "streamable-http",
        headers: { ...headers, [tokenHeader]: token },
      };
  }
  return { changed, foreign };
}

// The entries of `mcp.servers` in openclaw.json. They keep the address and the token of the proxy between starts.

const tokenHeader = "MCP-Auth-Proxy-Token";

/**
 * Milliseconds, above the default `deadline` of the config, for which a request may wait for a token. Without
 * `requestTimeoutMs`, OpenClaw waits 1.5 s for the list of tools, and 60 s for other requests.
 */
const limits = { connectionTimeoutMs: 45_000, requestTimeoutMs: 60_000 };

/**
 * Returns the servers with a URL, and warns why another has none, such as for a variable that is not set. Throws if none
 * has one.
 *
 * @param {readonly { readonly name: string, readonly url: string }[]} managers whose `url` may throw
 * @param {(server: string, message: string) => void} warn
 */
export function usableServers(managers, warn) {
  /** @type {Map<string, string>} */
  const reasons = new Map();
  const usable = managers.flatMap((manager) => {
    try {
      return [{ name: manager.name, url: manager.url }];
    } catch (error) {
      reasons.set(manager.name, error instanceof Error ? error.message : String(error));
      return [];
    }
  });
  if (usable.length === 0 && reasons.size > 0) throw new Error([...reasons.values()].join(" "));
  for (const [server, message] of reasons) warn(server, message);
  return usable;
}

/** @type {typeof import("./entries.js").entryOf} */
export function entryOf(entries, name) {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}

/**
 * Returns where the entries expect the proxy, and the token that they send, so that they stay valid. Returns `undefined`
 * if there are none yet.
 *
 * @param {Readonly<Record<string, import("./entries.js").Entry>>} entries
 * @param {readonly string[]} names
 */
export function earlierAddress(entries, names) {
  for (const name of names) {
    const { url, headers } = entryOf(entries, name) ?? {};
    const token = headers?.[tokenHeader];
    if (url !== undefined && URL.canParse(url) && token !== undefined)
      return { listen: new URL(url).host, token };
  }
  return undefined;
}

/**
 * Returns what changes each entry that must be written, and the names of those that are another server. Other settings of
 * an entry stay, but a login of OpenClaw does not, since the proxy authorizes the requests.
 *
 * @param {Readonly<Record<string, import("./entries.js").Entry>>} entries with all variables replaced
 * @param {readonly import("./entries.js").Target[]} targets
 */
export function changesOf(entries, targets) {
  /** @type {Map<string, import("./entries.js").Change>} */
  const changes = new Map();
  /** @type {string[]} */
  const foreign = [];
  for (const { name, serverUrl, proxyUrl } of targets) {
    const entry = entryOf(entries, name);
    const [, token = "", path] = new URL(proxyUrl).pathname.split("/");
    const url = new URL(`/${path}`, proxyUrl).href;
    const sent = entry?.headers?.[tokenHeader];
    if (entry?.url === url && sent === token) continue;
    if (entry !== undefined && entry.url !== serverUrl && sent === undefined) foreign.push(name);
    // The file may have variables, which must not be replaced there.
    else
      changes.set(name, ({ auth, oauth, type, headers, ...kept } = {}) => ({
        ...limits,
        ...kept,
        url,
        transport: "streamable-http",
        headers: sent === token ? { ...headers } : { ...headers, [tokenHeader]: token },
      }));
  }
  return { changes, foreign };
}

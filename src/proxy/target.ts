import { mayLeaveFolder } from "../http/dot-segments.js";

/** What a request to the proxy asks for. */
export type Target =
  /** Something below `/-/`, which belongs to the proxy itself. */
  | { readonly kind: "own"; readonly path: string }
  /** `rest` follows the name of the server, as it was received: empty, or a path, or a query, or both. */
  | { readonly kind: "server"; readonly server: string; readonly rest: string; readonly hasToken: boolean }
  /** Well-known metadata. The proxy has none; with any, hosts would start a login. */
  | { readonly kind: "well-known" }
  | { readonly kind: "malformed" };

const serverAndRest = /^\/([A-Za-z0-9][A-Za-z0-9._-]*)((?:[/?].*)?)$/;

/**
 * Parses the target of a request line (RFC 9112 §3.2). The path may begin with the local token, which is compared byte
 * for byte; `hasToken` tells whether it does.
 *
 * @param isLocalToken compares in constant time
 */
export function parseTarget(text: string, isLocalToken: (candidate: string) => boolean): Target {
  // Other forms than a path name another host (a proxy for the web), or no resource at all. A fragment is never sent.
  if (!/^\/[!"$-~]*$/.test(text)) return { kind: "malformed" };
  if (/^[^?]*\/(?:\.|%2e)well-known(?:[/?]|$)/i.test(text)) return { kind: "well-known" };
  if (text.startsWith("/-/")) return { kind: "own", path: text };
  const [, first = "", afterFirst = ""] = /^\/([^/?]*)(\/.*)?$/.exec(text) ?? [];
  const hasToken = afterFirst !== "" && isLocalToken(first);
  const [, server, rest = ""] = serverAndRest.exec(hasToken ? afterFirst : text) ?? [];
  return server === undefined ? { kind: "malformed" } : { kind: "server", server, rest, hasToken };
}

/**
 * Appends what follows the name of a server to the server's URL. Returns `undefined` if the result would be anything
 * but the server's URL or a URL below it: another spelling of a path, or a parameter that the server's URL sets.
 */
export function targetUrl(serverUrl: string, rest: string): string | undefined {
  if (rest === "") return serverUrl;
  if (!/^[/?][!"$-~]*$/.test(rest)) return undefined;
  const server = new URL(serverUrl);
  const [, path = "", query = ""] = /^([^?]*)\??(.*)$/s.exec(rest) ?? [];
  const base = path === "" ? server.pathname : server.pathname.replace(/\/$/, "");
  const url = new URL(server);
  url.pathname = `${base}${path}`;
  // A path that means another one to the URL standard, or perhaps to the server, is not sent.
  if (url.pathname !== `${base}${path}` || (path !== "" && mayLeaveFolder(path.slice(1)))) return undefined;
  const fixed = new Set([...server.searchParams.keys()].map(simplified));
  if (fixed.size > 0 && parameterNames(query).some((name) => fixed.has(name))) return undefined;
  const queries = [server.search.slice(1), query].filter((part) => part !== "");
  const suffix = queries.length === 0 ? "" : `?${queries.join("&")}`;
  return `${url.origin}${url.pathname}${suffix}`;
}

/** Returns the names of parameters as lenient servers may read them: some also take `;` for a separator. */
function parameterNames(query: string): readonly string[] {
  return [query, query.replaceAll(";", "&")]
    .flatMap((text) => [...new URLSearchParams(text).keys()])
    .map(simplified);
}

/** Returns what different spellings of a name have in common: `Tenant`, `tenant[]`, `+tenant`, `tenant%00`. */
function simplified(name: string): string {
  const [beforeBracket = ""] = name.normalize("NFKC").toLowerCase().split("[");
  return beforeBracket.replaceAll(/[^\p{L}\p{N}]/gu, "");
}

import type { CheckContext } from "./check-context.js";
import { type Json, type Path, property } from "./source-document.js";

/** `URL.hostname` for a host of `allowInsecureHttp`; `undefined` for what is none. */
export function hostnameOf(host: string): string | undefined {
  const text = `http://${host}/`;
  if (!URL.canParse(text)) return undefined;
  const { hostname, port, pathname, username } = new URL(text);
  return port === "" && pathname === "/" && username === "" && hostname !== "" ? hostname : undefined;
}

/** The hosts that may be reached over http; `undefined` when variables leave open which they are. */
export function insecureHostsOf(
  config: Json,
  isOpen: (path: Path) => boolean,
): ReadonlySet<string> | undefined {
  const listed = property(property(config, "network"), "allowInsecureHttp");
  if (!Array.isArray(listed)) return new Set();
  // `Array.isArray` makes `any[]` of it.
  const items = listed as readonly Json[];
  if (items.some((_item, index) => isOpen(["network", "allowInsecureHttp", String(index)]))) return undefined;
  return new Set(items.flatMap((item) => (typeof item === "string" ? (hostnameOf(item) ?? []) : [])));
}

/** @param written The config as it is in the file, without the values of its variables. */
export function checkNetwork(config: Json, written: Json, context: CheckContext): void {
  const network = property(config, "network");
  const proxyPath = ["network", "proxy"];
  const proxy = context.text(property(network, "proxy"), proxyPath);
  if (proxy !== undefined) {
    const literal = property(property(written, "network"), "proxy");
    if (!URL.canParse(proxy))
      context.report(proxyPath, { message: "Must be the URL of a proxy", ...example });
    else if (typeof literal === "string" && hasPassword(literal)) context.report(proxyPath, literalPassword);
  }
  const hosts = property(network, "allowInsecureHttp");
  if (!Array.isArray(hosts)) return;
  // `Array.isArray` makes `any[]` of it.
  for (const [index, host] of (hosts as readonly Json[]).entries()) {
    const path = ["network", "allowInsecureHttp", String(index)];
    const text = context.text(host, path);
    if (text !== undefined && hostnameOf(text) === undefined) context.report(path, notHost);
  }
}

// A password that a variable brings, or a URL that a variable is all of, is nobody's literal.
function hasPassword(literal: string): boolean {
  const userinfo = /^\w+:\/\/([^/?#]*)@/.exec(literal)?.[1];
  return (
    userinfo !== undefined &&
    userinfo.replaceAll(/\$\{(?:[^}$]|\$(?!\{))*\}/g, "").replace(/^[^:]*:?/, "") !== ""
  );
}

const example = { hint: "For example http://proxy.example:3128" };

const literalPassword = {
  message: "A password does not stand in the config",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what to write in the config
  hint: 'Put the URL of the proxy into a variable and write "${NAME}"',
};

const notHost = {
  message: "Must be a host name without scheme, port and path; an IPv6 address stands in brackets",
};

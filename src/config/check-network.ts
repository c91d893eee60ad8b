import type { CheckContext } from "./check-context.js";
import { isList, type Json, type Path, property } from "./json.js";

/** Returns a host of `allowInsecureHttp` as in `URL.hostname`, or `undefined` if it is not a host. */
export function hostnameOf(host: string): string | undefined {
  const text = `http://${host}/`;
  if (!URL.canParse(text)) return undefined;
  const { hostname, port, pathname, username } = new URL(text);
  return port === "" && pathname === "/" && username === "" && hostname !== "" ? hostname : undefined;
}

/** Returns the hosts that may be reached over http, or `undefined` if a variable without a value is among them. */
export function insecureHostsOf(
  config: Json,
  isUnresolved: (path: Path) => boolean,
): ReadonlySet<string> | undefined {
  const hosts = property(property(config, "network"), "allowInsecureHttp");
  if (!isList(hosts)) return new Set();
  if (hosts.some((_host, index) => isUnresolved(pathOfHost(index)))) return undefined;
  return new Set(hosts.flatMap((host) => (typeof host === "string" ? (hostnameOf(host) ?? []) : [])));
}

const hostsPath: Path = ["network", "allowInsecureHttp"];

function pathOfHost(index: number): Path {
  return [...hostsPath, String(index)];
}

/**
 * Checks what a schema cannot express about `network`.
 *
 * @param source the config as in the file, without the values of its variables
 */
export function checkNetwork(config: Json, source: Json, context: CheckContext): void {
  const network = property(config, "network");
  const proxyPath = ["network", "proxy"];
  const proxy = context.resolvedText(network, ["network"], "proxy");
  if (proxy !== undefined) {
    const written = property(property(source, "network"), "proxy");
    if (!URL.canParse(proxy)) context.report(proxyPath, notProxy);
    else if (typeof written === "string" && hasPassword(written)) context.report(proxyPath, literalPassword);
  }
  const hosts = property(network, "allowInsecureHttp");
  if (!isList(hosts)) return;
  for (const index of hosts.keys()) {
    const text = context.resolvedText(hosts, hostsPath, String(index));
    if (text !== undefined && hostnameOf(text) === undefined) context.report(pathOfHost(index), notHost);
  }
}

/** Whether a URL contains a password. A password that comes from a variable does not count. */
function hasPassword(written: string): boolean {
  const userinfo = /^\w+:\/\/([^/?#]*)@/.exec(written)?.[1];
  const withoutVariables = userinfo?.replaceAll(/\$\{(?:[^}$]|\$(?!\{))*\}/g, "") ?? "";
  return withoutVariables.replace(/^[^:]*:?/, "") !== "";
}

const notProxy = { message: "Must be the URL of a proxy", hint: "For example http://proxy.example:3128" };

const literalPassword = {
  message: "A config must not have a password in it",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what to write in the config
  hint: 'Put the URL of the proxy into a variable and write "${NAME}"',
};

const notHost = {
  message: "Must be a host name without a scheme, port or path; an IPv6 address is in brackets",
};

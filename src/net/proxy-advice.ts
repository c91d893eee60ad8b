import type { NamedProxy } from "./connection.js";

/** How messages name the proxy of the config. A proxy of the environment has the name of its variable. */
export const proxyOfConfig = '"proxy" under "network"';

/** Returns the proxy as messages name it. */
export function proxyName({ host, source }: NamedProxy): string {
  return `the proxy ${host} (from ${source})`;
}

/** Returns what to do about a proxy that is in the way, in a sentence. */
export function proxyRemedy({ source }: NamedProxy): string {
  return source === proxyOfConfig
    ? `Check ${proxyOfConfig} in the config, or name the host of the server in NO_PROXY if it must be reached without the proxy.`
    : `Check ${source}. If the server must be reached without the proxy, name its host in NO_PROXY, or set ${proxyOfConfig} ` +
        "in the config to false.";
}

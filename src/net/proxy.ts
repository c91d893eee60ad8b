import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isLoopbackHost } from "../lib/loopback.js";
import { proxyVariables } from "./environment.js";
import { isExempt } from "./no-proxy.js";
import { proxyOfConfig } from "./proxy-advice.js";

export interface HttpProxy {
  /** `http://host:port` or `https://host:port`, without user and password. */
  readonly origin: string;
  /** The `Proxy-Authorization` header, if the URL of the proxy has a user or a password. */
  readonly authorization: string | undefined;
  /** Where it was configured, as messages name it: the variable, or `proxyOfConfig`. */
  readonly source: string;
}

export interface ProxyRules {
  /** Returns the proxy for a URL. Throws `config_invalid` if the URL of the proxy cannot be used. */
  proxyFor(url: URL): HttpProxy | undefined;
  /** Returns the variable with a proxy that is not used for a URL, if no proxy is, such as `ALL_PROXY`. */
  unusedFor(url: URL): string | undefined;
}

/**
 * Returns which proxy a request uses: that of the config, otherwise `HTTPS_PROXY` or `HTTP_PROXY` by scheme (a name in
 * lower case wins, as in other programs). `NO_PROXY` applies to both; `proxy: false` turns off all proxies. A server on
 * this machine is never reached through a proxy.
 */
export function proxyRules(
  configured: NetworkSpec["proxy"],
  env: Readonly<Record<string, string | undefined>>,
): ProxyRules {
  const { forHttps, forHttp, forAll, noProxy } = proxyVariables(env);
  const isDirect = (url: URL): boolean =>
    configured === false || isLoopbackHost(url.hostname.replace(/\.$/, "")) || isExempt(url, noProxy);
  const variableFor = ({ protocol }: URL) => (protocol === "https:" ? forHttps : forHttp);
  return {
    proxyFor(url) {
      const chosen = configured === undefined ? variableFor(url) : { name: proxyOfConfig, value: configured };
      if (chosen === undefined || chosen.value === false || isDirect(url)) return undefined;
      return parseProxy(chosen.value, chosen.name);
    },
    unusedFor(url) {
      if (configured !== undefined || variableFor(url) !== undefined || isDirect(url)) return undefined;
      return (forAll ?? forHttps ?? forHttp)?.name;
    },
  };
}

/** Parses the URL of a proxy. Messages do not quote it, because it may contain a password. */
function parseProxy(text: string, source: string): HttpProxy {
  const what = source === proxyOfConfig ? `The proxy in "network"` : `The environment variable ${source}`;
  const refuse = (why: string): McpAuthError => new McpAuthError("config_invalid", `${what} ${why}`);
  // Environments often have it without a scheme, as `proxy.example:3128`.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) throw refuse("is not a URL. Write it as http://host:port.");
  const { protocol, origin, username, password } = new URL(full);
  if (protocol !== "http:" && protocol !== "https:") {
    throw refuse("has a scheme that is not supported. It must be http or https.");
  }
  if (username === "" && password === "") return { origin, authorization: undefined, source };
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { origin, authorization: `Basic ${Buffer.from(credentials).toString("base64")}`, source };
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    throw refuse("has a user name or password with a % that is not an escape. Write %25 for the character.");
  }
}

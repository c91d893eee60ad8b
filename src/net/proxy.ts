import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isLoopbackHost } from "../lib/loopback.js";
import { proxyVariables } from "./environment.js";
import { isExempt } from "./no-proxy.js";

export interface HttpProxy {
  /** `http://host:port` or `https://host:port`, without user and password. */
  readonly origin: string;
  /** The `Proxy-Authorization` header, for a proxy whose URL has a user or a password. */
  readonly authorization: string | undefined;
}

export interface ProxyRules {
  /** The proxy for a URL. Throws `config_invalid` when what names it cannot be used. */
  proxyFor(url: URL): HttpProxy | undefined;
}

/**
 * Which proxy a request goes through: that of the config, else by scheme `HTTPS_PROXY` or `HTTP_PROXY` (a name in small
 * letters comes first, as everywhere). `NO_PROXY` holds for both; `proxy: false` turns all of them off. What is on this
 * machine is never asked for through a proxy.
 */
export function proxyRules(
  configured: NetworkSpec["proxy"],
  env: Readonly<Record<string, string | undefined>>,
): ProxyRules {
  const { forHttps, forHttp, noProxy } = proxyVariables(env);
  return {
    proxyFor(url) {
      if (configured === false || isLoopbackHost(url.hostname.replace(/\.$/, ""))) return undefined;
      const secure = url.protocol === "https:";
      const written = configured ?? (secure ? forHttps : forHttp);
      if (written === undefined || isExempt(url, noProxy)) return undefined;
      const source =
        configured === undefined
          ? `The environment variable ${secure ? "HTTPS_PROXY" : "HTTP_PROXY"}`
          : 'The proxy in "network"';
      return parseProxy(written, source);
    },
  };
}

/** What is wrong is said without quoting it: it may hold a password. */
function parseProxy(text: string, source: string): HttpProxy {
  const refuse = (why: string): McpAuthError => new McpAuthError("config_invalid", `${source} ${why}`);
  // `proxy.example:3128` is how many write it in the environment.
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full)) throw refuse("is not a URL. Write it as http://host:port.");
  const { protocol, origin, username, password } = new URL(full);
  if (protocol !== "http:" && protocol !== "https:") {
    throw refuse("is of a kind that is not supported; it must be http or https.");
  }
  if (username === "" && password === "") return { origin, authorization: undefined };
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return { origin, authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
  } catch {
    throw refuse("has a user name or password with a % that is not an escape. Write %25 for the character.");
  }
}

import type { NetworkSpec } from "../config/spec.js";

export interface ProxyVariables {
  readonly forHttps: string | undefined;
  readonly forHttp: string | undefined;
  readonly noProxy: string;
}

/** What the environment says of proxies. A name in small letters comes first, as everywhere. */
export function proxyVariables(env: Readonly<Record<string, string | undefined>>): ProxyVariables {
  // An empty variable is the usual way to unset one.
  const variable = (name: string): string | undefined => env[name.toLowerCase()] || env[name] || undefined;
  return {
    forHttps: variable("HTTPS_PROXY"),
    forHttp: variable("HTTP_PROXY"),
    noProxy: variable("NO_PROXY") ?? "",
  };
}

/** Whether a proxy is named anywhere, also where it is not to be used. */
export function namesProxy(configured: NetworkSpec["proxy"], { forHttps, forHttp }: ProxyVariables): boolean {
  return typeof configured === "string" || forHttps !== undefined || forHttp !== undefined;
}

// The environment variables that decide how requests leave this machine.
import type { NetworkSpec } from "../config/spec.js";
import { jsRuntime } from "../lib/js-runtime.js";

/** Environment variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** A variable with the URL of a proxy. */
export interface ProxyVariable {
  /** As it is written in the environment: in upper or lower case. */
  readonly name: string;
  readonly value: string;
}

export interface ProxyVariables {
  readonly forHttps: ProxyVariable | undefined;
  readonly forHttp: ProxyVariable | undefined;
  /** `ALL_PROXY`, which is not used. */
  readonly forAll: ProxyVariable | undefined;
  readonly noProxy: string;
}

/** Reads `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. As in other programs, a name in lower case wins. */
export function proxyVariables(env: Variables): ProxyVariables {
  const variable = (upperCase: string): ProxyVariable | undefined => {
    for (const name of [upperCase.toLowerCase(), upperCase]) {
      const value = env[name];
      // An empty variable counts as unset.
      if (value) return { name, value };
    }
    return undefined;
  };
  return {
    forHttps: variable("HTTPS_PROXY"),
    forHttp: variable("HTTP_PROXY"),
    forAll: variable("ALL_PROXY"),
    noProxy: variable("NO_PROXY")?.value ?? "",
  };
}

/** Returns whether the config or the environment names a proxy, even if no request may use it. */
export function namesProxy(configured: NetworkSpec["proxy"], { forHttps, forHttp }: ProxyVariables): boolean {
  return typeof configured === "string" || forHttps !== undefined || forHttp !== undefined;
}

/**
 * Returns whether the process turns off the verification of TLS peers, for every connection that does not ask for it.
 * Node reads the variable for each connection, so call this each time.
 *
 * @param processEnv the environment of the process itself: TLS does not look at the `env` of a caller
 */
export function isVerificationOff(processEnv: Variables): boolean {
  const value = processEnv["NODE_TLS_REJECT_UNAUTHORIZED"];
  return value === "0" || (value === "false" && jsRuntime() === "Bun");
}

/** Message for a process that turns off verification: what is wrong, and what to do. */
export const verificationIsOff =
  "NODE_TLS_REJECT_UNAUTHORIZED turns off the verification of TLS certificates in this process, so anybody could answer. " +
  'Unset it. To trust a certificate of your own, name it in "ca" under "network" in the config (network.ca), or in ' +
  "NODE_EXTRA_CA_CERTS.";

/**
 * Returns whether Node was told to send the requests of its own `fetch` through the proxies of the environment, also to
 * this machine (Node 22.21 and 24.5). A mention of the option is enough, because our own connections are always right.
 */
export function mayNodeUseProxies(processEnv: Variables, execArgv: readonly string[]): boolean {
  const options = [...execArgv, processEnv["NODE_OPTIONS"] ?? ""];
  return (
    (processEnv["NODE_USE_ENV_PROXY"] ?? "") !== "" || options.some((text) => text.includes("use-env-proxy"))
  );
}

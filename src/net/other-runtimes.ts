// Requests on Bun and Deno, whose `fetch` does not accept our connections (network.ts). What needs them is refused, so
// that no setting is silently ignored.
import { isIP } from "node:net";
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { JsRuntime } from "../lib/js-runtime.js";
import { isVerificationOff, type Variables, verificationIsOff } from "./environment.js";
import { proxyRules } from "./proxy.js";

export interface PlatformSettings {
  readonly runtime: JsRuntime;
  readonly spec: NetworkSpec;
  /** The environment of the caller. */
  readonly env: Variables;
  /** The environment of the process, which the `fetch` of the runtime reads. */
  readonly processEnv: Variables;
  /** That environment as it was when the package was loaded. */
  readonly envAtLoad: Variables;
}

const remove = "remove it from the config";
const exempt = "NO_PROXY (host names in lower case, with commas between them)";
const unset = `unset that variable, or name the server in ${exempt}`;
const restart = `start it without that variable, or with the server in ${exempt}`;

/**
 * Throws `config_invalid` for a request that would need connections of ours, and `tls_failed` for an https request
 * while the process has verification turned off.
 */
export function assertPlatformCanSend(url: URL | undefined, settings: PlatformSettings): void {
  const { runtime, spec, env, processEnv, envAtLoad } = settings;
  if (spec.ca.length > 0) throw needsNode(runtime, '"ca" under "network"', remove);
  if (typeof spec.proxy === "string") throw needsNode(runtime, '"proxy" under "network"', remove);
  // `fetch` reports a URL that does not parse.
  if (url === undefined) return;
  const variable = proxyVariableOfPlatform(url, processEnv);
  if (variable !== undefined) throw needsNode(runtime, `a proxy in the environment (${variable})`, unset);
  // It was removed, but `fetch` may have read it before.
  const former = proxyVariableOfPlatform(url, envAtLoad);
  if (former !== undefined)
    throw needsNode(runtime, `a proxy in the environment at the start (${former})`, restart);
  // The runtime does not know this environment, so it would bypass the proxy.
  if (proxyRules(spec.proxy, env).proxyFor(url) !== undefined)
    throw needsNode(runtime, "a proxy in the environment", unset);
  if (url.protocol === "https:" && isVerificationOff(processEnv))
    throw new McpAuthError("tls_failed", `No request was sent. ${verificationIsOff}`);
}

/**
 * Throws `config_invalid` for a request that must not go through a proxy, if the runtime would use one; and, for https,
 * like `assertPlatformCanSend`.
 */
export function assertPlatformSendsDirectly(url: URL | undefined, settings: PlatformSettings): void {
  const { runtime, spec, processEnv, envAtLoad } = settings;
  if (url === undefined) return;
  const variable = proxyVariableOfPlatform(url, processEnv) ?? proxyVariableOfPlatform(url, envAtLoad);
  if (variable !== undefined) {
    throw new McpAuthError(
      "config_invalid",
      `No request was sent: ${runtime} would ask for the identity of this machine through the proxy in ${variable}. ` +
        `Run the agent on Node.js, or start it with ${url.hostname} in ${exempt}.`,
    );
  }
  if (url.protocol !== "https:") return;
  assertPlatformCanSend(url, { ...settings, spec: { ...spec, proxy: false } });
}

/** Returns the error for a request with a client certificate. */
export function certificateNeedsNode(runtime: JsRuntime): McpAuthError {
  return needsNode(runtime, "a client certificate", remove);
}

/**
 * Returns the variable with the proxy to which Bun and Deno would send a request. Unlike our own rules, theirs include
 * `ALL_PROXY` and servers on loopback: a request with a secret would leave the machine in plain text.
 */
export function proxyVariableOfPlatform(url: URL, env: Variables): string | undefined {
  const names = [url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY", "ALL_PROXY"];
  const name = names.find((each) => (env[each.toLowerCase()] || env[each] || "") !== "");
  if (name === undefined) return undefined;
  // Deno prefers the name in upper case, even if it is empty, and Bun the other one.
  const lists = [env["NO_PROXY"], env["no_proxy"]].filter((list) => list !== undefined);
  return lists.length > 0 && lists.every((list) => isExemptEverywhere(url, list)) ? undefined : name;
}

// A name, in the characters of `URL.hostname`; with a dot in front, only its subdomains.
const entryPattern = /^\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;

/**
 * Returns whether each version of Bun and Deno sends a request past the proxy. They read `NO_PROXY` differently, so an
 * entry counts only if all of them understand it. Spaces between entries, capitals, a dot at the end, `*.`, ports,
 * brackets and ranges do not count, and neither does `*` beside other entries or for an address. It is safe not to
 * count an entry, because the request is then refused.
 */
function isExemptEverywhere({ hostname }: URL, noProxy: string): boolean {
  const entries = noProxy.split(",").map((entry) => entry.replace(/^[ \t]+|[ \t]+$/g, ""));
  if (isIP(hostname) !== 0) return entries.includes(hostname);
  if (/[[\]]|\.$/.test(hostname)) return false;
  if (entries.length === 1 && entries[0] === "*") return true;
  return entries.some((entry) => {
    if (!entryPattern.test(entry)) return false;
    return hostname === entry || hostname.endsWith(entry.startsWith(".") ? entry : `.${entry}`);
  });
}

function needsNode(runtime: JsRuntime, feature: string, remedy: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `No request was sent: ${feature} works only on Node.js, and this is ${runtime}. Run the agent on Node.js, or ${remedy}.`,
  );
}

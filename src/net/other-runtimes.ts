// Requests on Bun and Deno, whose `fetch` does not accept our connections (network.ts). What needs them is refused, so
// that no setting is silently ignored.
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { JsRuntime } from "../lib/js-runtime.js";
import { isVerificationOff, proxyVariables, type Variables, verificationIsOff } from "./environment.js";
import { isExempt } from "./no-proxy.js";
import { proxyRules } from "./proxy.js";

export interface PlatformSettings {
  readonly runtime: JsRuntime;
  readonly spec: NetworkSpec;
  /** The environment of the caller. */
  readonly env: Variables;
  /** The environment of the process, which the `fetch` of the runtime reads. */
  readonly processEnv: Variables;
}

const remove = "remove it from the config";
const unset = "unset that variable, or name the server in NO_PROXY";

/**
 * Throws `config_invalid` for a request that would need connections of ours, and `tls_failed` for an https request
 * while the process has verification turned off.
 */
export function assertPlatformCanSend(url: URL | undefined, settings: PlatformSettings): void {
  const { runtime, spec, env, processEnv } = settings;
  if (spec.ca.length > 0) throw needsNode(runtime, '"ca" under "network"', remove);
  if (typeof spec.proxy === "string") throw needsNode(runtime, '"proxy" under "network"', remove);
  // `fetch` reports a URL that does not parse.
  if (url === undefined) return;
  const variable = proxyVariableOfPlatform(url, processEnv);
  if (variable !== undefined) throw needsNode(runtime, `a proxy in the environment (${variable})`, unset);
  // The runtime does not know this environment, so it would bypass the proxy.
  if (proxyRules(spec.proxy, env).proxyFor(url) !== undefined)
    throw needsNode(runtime, "a proxy in the environment", unset);
  if (url.protocol === "https:" && isVerificationOff(processEnv))
    throw new McpAuthError("tls_failed", `No request was sent. ${verificationIsOff}`);
}

/** Returns the error for a request with a client certificate. */
export function certificateNeedsNode(runtime: JsRuntime): McpAuthError {
  return needsNode(runtime, "a client certificate", remove);
}

/**
 * Returns the variable with the proxy to which Bun and Deno would send a request. Unlike our own rules, theirs include
 * `ALL_PROXY` and servers on loopback: a request with a secret would leave the machine in plain text.
 */
function proxyVariableOfPlatform(url: URL, env: Variables): string | undefined {
  const names = [url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY", "ALL_PROXY"];
  const name = names.find((each) => (env[each.toLowerCase()] || env[each] || "") !== "");
  if (name === undefined) return undefined;
  // Deno ignores these two forms.
  const understood = proxyVariables(env)
    .noProxy.split(/[\s,]+/)
    .filter((entry) => !entry.startsWith("*.") && !/^[^:]*:\d+$|\]:\d+$/.test(entry));
  return isExempt(url, understood.join()) ? undefined : name;
}

function needsNode(runtime: JsRuntime, feature: string, remedy: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `No request was sent: ${feature} works only on Node.js, and this is ${runtime}. Run the agent on Node.js, or ${remedy}.`,
  );
}

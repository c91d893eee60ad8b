import type { Dispatcher } from "undici";
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { Agents } from "./agents.js";
import type { FetchFunction } from "./bounded-fetch.js";
import { checkedFetch } from "./checked-fetch.js";
import type { TlsIdentity } from "./client-certificate.js";
import {
  isVerificationOff,
  namesProxy,
  proxyVariables,
  type Variables,
  verificationIsOff,
} from "./environment.js";
import { type NetworkTrust, networkTrust } from "./network-trust.js";
import type { ProxyRules } from "./proxy.js";

/** How requests leave this machine. */
export interface Network {
  readonly fetch: FetchFunction;
  /** Presents this certificate. Calls with the same one share connections. */
  fetchAs(identity: TlsIdentity): FetchFunction;
  /** Closes what is idle; requests under way end by themselves. */
  close(): Promise<void>;
}

export interface NetworkOptions {
  /** What sends in the end. */
  readonly fetch: FetchFunction;
  readonly spec: NetworkSpec;
  /** For `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The environment of the process, at which TLS itself looks whatever `env` is; `process.env` unless told. */
  readonly processEnv?: Variables;
  /** The authorities to trust; those of `spec` unless told. */
  readonly trust?: Pick<NetworkTrust, "authorities">;
  /** Whether `fetch` takes an undici dispatcher: that of Node does, those of Bun and Deno do not. */
  readonly takesConnections?: boolean;
}

/**
 * Sends every https request over connections of our own. They verify their peer: NODE_TLS_REJECT_UNAUTHORIZED has no effect,
 * whenever it is set. No other code in the process uses them, so a request never reuses a connection that was opened
 * unverified. They go through the proxy that the config or the environment names, trust the authorities that the config names
 * beside the usual ones, and present a certificate where one is asked for. Plain http without a proxy goes to the given `fetch`
 * unchanged.
 *
 * What its functions reject with beside what the given `fetch` does: `config_invalid` for a proxy or a file of
 * authorities that cannot be used, and where that `fetch` gives no response, `unavailable` and `tls_failed` for a proxy that does not let us through,
 * `key_invalid` for a certificate without its key, `stopped` after `close()`. A `dispatcher` of the caller's is left in
 * place by `fetch`, and verification with it, but not by `fetchAs`, whose certificate would be missing.
 */
export function createNetwork(options: NetworkOptions): Network {
  const { spec, env, processEnv = process.env } = options;
  const fetch = checkedFetch(options.fetch);
  const trust = options.trust ?? networkTrust({ spec, env, processEnv, hasOwnFetch: false });
  if (!(options.takesConnections ?? isNode)) return networkOfPlatform(fetch, spec, processEnv);
  const mayUseProxy = namesProxy(spec.proxy, proxyVariables(env));
  let closed = false;
  let connections: Promise<Connections> | undefined;
  // Loaded when it is needed: undici alone takes 50 to 85 ms (docs/dependencies.md).
  const load = async (): Promise<Connections> => {
    const [{ Agents }, { proxyRules }] = await Promise.all([import("./agents.js"), import("./proxy.js")]);
    const agents = new Agents(() => trust.authorities());
    if (closed) agents.close();
    return { agents, proxies: proxyRules(spec.proxy, env) };
  };

  const send = async (
    identity: TlsIdentity | undefined,
    input: string | URL | Request,
    init: RequestInit | undefined,
  ): Promise<Response> => {
    const url = urlOf(input);
    // `fetch` itself says what is wrong with a URL that does not parse.
    if (url === undefined || (url.protocol !== "https:" && !mayUseProxy)) return await fetch(input, init);
    connections ??= load();
    const { agents, proxies } = await connections;
    const proxy = proxies.proxyFor(url);
    if (url.protocol !== "https:" && proxy === undefined) return await fetch(input, init);
    const lease = await agents.lease({ proxy, identity });
    try {
      return await fetch(input, withDispatcher(init, lease.agent));
    } catch (error) {
      throw ownError(error) ?? error;
    } finally {
      lease.release();
    }
  };
  return {
    fetch: (input, init) => (hasDispatcher(init) ? fetch(input, init) : send(undefined, input, init)),
    fetchAs: (identity) => (input, init) => send(identity, input, init),
    async close() {
      closed = true;
      (await connections)?.agents.close();
    },
  };
}

interface Connections {
  readonly agents: Agents;
  readonly proxies: ProxyRules;
}

const isNode = process.versions["bun"] === undefined && process.versions["deno"] === undefined;

/**
 * For a `fetch` that takes no dispatcher. It refuses what needs connections of our own, and https while the process has
 * verification off.
 */
function networkOfPlatform(fetch: FetchFunction, spec: NetworkSpec, processEnv: Variables): Network {
  const send: FetchFunction = async (input, init) => {
    if (spec.ca.length > 0) throw needsNode('"ca" under "network"');
    if (typeof spec.proxy === "string") throw needsNode('"proxy" under "network"');
    if (spec.proxy === false && namesProxy(undefined, proxyVariables(processEnv))) {
      throw needsNode('"proxy": false under "network", with a proxy in the environment,');
    }
    if (urlOf(input)?.protocol === "https:" && isVerificationOff(processEnv)) {
      throw new McpAuthError("tls_failed", `No request was sent. ${verificationIsOff}`);
    }
    return await fetch(input, init);
  };
  return {
    fetch: send,
    fetchAs: () => async () => {
      throw needsNode("a client certificate");
    },
    async close() {},
  };
}

function needsNode(what: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `No request was sent: ${what} works only on Node.js, and this is another runtime. Run the agent on Node.js, or remove it ` +
      "from the config.",
  );
}

function urlOf(input: string | URL | Request): URL | undefined {
  const address = input instanceof Request ? input.url : String(input);
  return URL.canParse(address) ? new URL(address) : undefined;
}

function hasDispatcher(init: RequestInit | undefined): boolean {
  return init !== undefined && "dispatcher" in init && init.dispatcher !== undefined;
}

function withDispatcher(init: RequestInit | undefined, dispatcher: Dispatcher): RequestInit {
  // Node's own fetch takes the dispatchers of this undici, of which its types know another copy.
  return { ...init, dispatcher } as unknown as RequestInit;
}

/** An error of ours that `fetch` has wrapped. */
function ownError(error: unknown): McpAuthError | undefined {
  return error instanceof Error && error.cause instanceof McpAuthError ? error.cause : undefined;
}

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
  /** Returns a `fetch` that presents a client certificate. Calls with the same certificate share connections. */
  fetchAs(identity: TlsIdentity): FetchFunction;
  /** Closes idle connections. Requests in progress still end normally. */
  close(): Promise<void>;
}

export interface NetworkOptions {
  /** Sends the requests. */
  readonly fetch: FetchFunction;
  readonly spec: NetworkSpec;
  /** For `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * The environment in which Node itself looks up TLS settings, even if `env` is another one; `process.env` by default.
   */
  readonly processEnv?: Variables;
  /** The authorities to trust; those of `spec` by default. */
  readonly trust?: Pick<NetworkTrust, "authorities">;
  /** Whether `fetch` supports an undici dispatcher. That of Node does; those of Bun and Deno do not. */
  readonly supportsDispatcher?: boolean;
}

/**
 * Returns functions that send every https request over our own connections. These verify the server even if
 * NODE_TLS_REJECT_UNAUTHORIZED turns verification off, and whenever it does. No other code in the process uses them, so
 * a request never reuses a connection that was opened without verification. They use the proxy that the config or the
 * environment names, trust the authorities that the config adds, and present a client certificate where one is
 * required. Plain http without a proxy goes to the given `fetch` unchanged.
 *
 * The functions reject with the errors of the given `fetch` and with: `config_invalid` for a proxy or a file of
 * authorities that cannot be used and for a `fetch` that does not return a response, `unavailable` or `tls_failed` for
 * a proxy that does not connect us, `key_invalid` for a certificate that does not fit its key, and `stopped` after
 * `close()`. `fetch` keeps a `dispatcher` of the caller, which then decides about verification; `fetchAs` replaces it,
 * because the certificate would be missing.
 */
export function createNetwork(options: NetworkOptions): Network {
  const { spec, env, processEnv = process.env } = options;
  const fetch = checkedFetch(options.fetch);
  const trust = options.trust ?? networkTrust({ spec, env, processEnv, hasOwnFetch: false });
  if (!(options.supportsDispatcher ?? isNode)) return networkOfPlatform(fetch, spec, processEnv);
  const mayUseProxy = namesProxy(spec.proxy, proxyVariables(env));
  let closed = false;
  let connections: Promise<Connections> | undefined;
  // Loaded on use, because undici alone takes 50 to 85 ms (docs/dependencies.md).
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
    // `fetch` itself reports a URL that does not parse.
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
 * Returns the network for a `fetch` that does not support a dispatcher. It rejects requests that need our own
 * connections, and https requests while the process has verification turned off.
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
  // Node's own `fetch` supports the dispatchers of this undici, but its types come from another copy of undici.
  return { ...init, dispatcher } as unknown as RequestInit;
}

/** Returns our own error if `fetch` has wrapped one. */
function ownError(error: unknown): McpAuthError | undefined {
  return error instanceof Error && error.cause instanceof McpAuthError ? error.cause : undefined;
}

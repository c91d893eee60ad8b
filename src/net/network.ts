import type { Dispatcher } from "undici";
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { ignoreFailureInBackground, noteMistake } from "../errors/expected-errors.js";
import { type JsRuntime, jsRuntime } from "../lib/js-runtime.js";
import type { AgentLease, Agents } from "./agents.js";
import { assertResponse } from "./assert-response.js";
import type { FetchFunction } from "./bounded-fetch.js";
import type { TlsIdentity } from "./client-certificate.js";
import { type Connection, noteConnection } from "./connection.js";
import { proxiesAtLoad } from "./env-at-load.js";
import { mayNodeUseProxies, namesProxy, proxyVariables, type Variables } from "./environment.js";
import { isTlsFailure } from "./network-failure.js";
import { type NetworkTrust, networkTrust } from "./network-trust.js";
import type { ProxyRules } from "./proxy.js";
import type { ServerClocks } from "./server-clocks.js";

/** How requests leave this machine. */
export interface Network {
  readonly fetch: FetchFunction;
  /** Returns a `fetch` that presents a client certificate. Calls with the same certificate share connections. */
  fetchAs(identity: TlsIdentity): FetchFunction;
  /**
   * Sends like `fetch`, but never through a proxy: for services of the machine itself, whose answers are credentials.
   */
  readonly fetchDirect: FetchFunction;
  /**
   * Closes each connection as soon as no request uses it, because another network replaces this one. Requests still
   * work.
   */
  retire(): void;
  /** Closes idle connections. Requests in progress still end normally. */
  close(): Promise<void>;
}

export interface NetworkOptions {
  /** Sends the requests. */
  readonly fetch: FetchFunction;
  readonly spec: NetworkSpec;
  /** The environment with `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * The environment in which Node itself looks up TLS settings, even if `env` is another one; `process.env` by default.
   */
  readonly processEnv?: Variables;
  /** The options of Node with which the process was started; those of this process by default. */
  readonly execArgv?: readonly string[];
  /** On Bun and Deno: the proxy variables of the process when the package was loaded. */
  readonly envAtLoad?: Variables;
  /** The authorities to trust; those of `spec` by default. */
  readonly trust?: Pick<NetworkTrust, "authorities">;
  /** Learns from each response how far the clock of its server differs from ours. */
  readonly serverClocks?: ServerClocks;
  /** The `fetch` of Node accepts our connections, as an undici dispatcher; those of Bun and Deno do not. */
  readonly runtime?: JsRuntime;
}

/**
 * Returns functions that send every https request over our own connections. These connections verify the server even if
 * NODE_TLS_REJECT_UNAUTHORIZED turns verification off, no matter when. No other code in the process uses them, so a
 * request never reuses a connection that was opened without verification. They go through the proxy that the config or
 * the environment names, trust the authorities that the config adds, and present a client certificate where one is
 * required. Plain http without a proxy goes to the given `fetch` unchanged, unless Node itself would use a proxy for it.
 *
 * The functions reject with the errors of the given `fetch` and with: `config_invalid` for a proxy or a file of
 * authorities that cannot be used and for a `fetch` that does not return a response, `unavailable` or `tls_failed` for
 * a proxy that does not connect us, `key_invalid` for a certificate that does not fit its key, and `stopped` after
 * `close()`. `fetch` keeps a `dispatcher` of the caller, which then decides about verification; `fetchAs` replaces it,
 * because the certificate would be missing.
 */
export function createNetwork(options: NetworkOptions): Network {
  const { fetch, spec, env, processEnv = process.env, serverClocks } = options;
  const trust = options.trust ?? networkTrust({ spec, env, processEnv, hasOwnFetch: false });
  const runtime = options.runtime ?? jsRuntime();
  if (runtime !== "Node.js") return networkOfPlatform(runtime, options);
  const mayUseProxy = namesProxy(spec.proxy, proxyVariables(env));
  const mayNodeUseProxy = mayNodeUseProxies(processEnv, options.execArgv ?? process.execArgv);
  let closed = false;
  let retired = false;
  let connections: Promise<Connections> | undefined;
  // Loaded on use, because undici alone takes 50 to 85 ms (docs/dependencies.md).
  const load = async (): Promise<Connections> => {
    const [{ Agents }, { proxyRules }] = await Promise.all([import("./agents.js"), import("./proxy.js")]);
    const agents = new Agents(() => trust.authorities());
    if (closed) agents.close();
    if (retired) agents.retire();
    return { agents, proxies: proxyRules(spec.proxy, env) };
  };

  const hasAuthorities = spec.ca.length > 0;
  /** Chooses the connection for a request, and leases an agent for it unless `fetch` needs none. */
  const connectionFor = async (
    { identity, isDirect = false }: Way,
    input: string | URL | Request,
    init: RequestInit | undefined,
  ): Promise<{ readonly lease?: AgentLease; readonly connection?: Connection }> => {
    if (isDirect) {
      // Also for plain http: `fetch` itself may use a proxy (NODE_USE_ENV_PROXY, a dispatcher of the host).
      connections ??= load();
      return { lease: await (await connections).agents.lease({ proxy: undefined, identity: undefined }) };
    }
    if (identity === undefined && hasDispatcher(init)) return {};
    const url = urlOf(input);
    // `fetch` itself reports a URL that does not parse.
    if (url === undefined) return {};
    const direct = { url, proxy: undefined, hasAuthorities };
    const isUnchanged = url.protocol !== "https:" && !mayNodeUseProxy;
    if (isUnchanged && !mayUseProxy) return { connection: direct };
    connections ??= load();
    const { agents, proxies } = await connections;
    const proxy = proxies.proxyFor(url);
    const known = { ...direct, unusedProxy: () => proxies.unusedFor(url) };
    if (isUnchanged && proxy === undefined) return { connection: known };
    const lease = await agents.lease({ proxy, identity });
    const named = proxy && { host: new URL(proxy.origin).host, source: proxy.source };
    const isConnecting = () => lease.isConnecting(url.host);
    return { lease, connection: { ...known, proxy: named, isConnecting } };
  };

  const fetchBy = (way: Way): FetchFunction =>
    async function networkFetch(input, init) {
      const { lease, connection } = await connectionFor(way, input, init).catch(throwNoted);
      if (connection !== undefined) noteConnection(init?.signal, connection);
      const sentAt = serverClocks?.now();
      // From here on, any error may come from the host: its response too may throw when it is read.
      try {
        const response = await fetch(input, lease === undefined ? init : withDispatcher(init, lease.agent));
        assertResponse(response);
        if (sentAt !== undefined) serverClocks?.note({ input, init }, response, sentAt);
        return response;
      } catch (error) {
        const own = lease && unwrapOwnError(error);
        if (own !== undefined) throw own;
        if (connection !== undefined)
          noteConnection(error, await withAuthorities(connection, error, options));
        throw error;
      } finally {
        lease?.release();
      }
    };
  return {
    fetch: fetchBy({}),
    fetchAs: (identity) => fetchBy({ identity }),
    fetchDirect: fetchBy({ isDirect: true }),
    retire() {
      retired = true;
      connections?.then(({ agents }) => agents.retire(), ignore).catch(ignoreFailureInBackground);
    },
    async close() {
      closed = true;
      (await connections)?.agents.close();
    },
  };
}

/** Adds the state of NODE_EXTRA_CA_CERTS, which matters only for a TLS failure. */
async function withAuthorities(
  connection: Connection,
  error: unknown,
  { env, processEnv = process.env }: NetworkOptions,
): Promise<Connection> {
  if (!isTlsFailure(error)) return connection;
  const { extraAuthorities } = await import("./authorities.js");
  return { ...connection, extraAuthorities: await extraAuthorities(env, processEnv) };
}

/** How a request leaves this machine: by the settings of the network, with a certificate, or past every proxy. */
interface Way {
  readonly identity?: TlsIdentity;
  readonly isDirect?: boolean;
}

function throwNoted(error: unknown): never {
  throw noteMistake(error);
}

/** Ignores a failure to load the connections: the request that needs them fails, too. */
function ignore(): void {}

interface Connections {
  readonly agents: Agents;
  readonly proxies: ProxyRules;
}

/**
 * Returns the network for the `fetch` of Bun and Deno. It rejects requests that need our own connections, and https
 * requests while the process has verification turned off.
 */
function networkOfPlatform(runtime: JsRuntime, options: NetworkOptions): Network {
  const { fetch, spec, env, serverClocks } = options;
  const { processEnv = process.env, envAtLoad = proxiesAtLoad } = options;
  const fetchBy =
    (isDirect: boolean): FetchFunction =>
    async (input, init) => {
      const { assertPlatformCanSend, assertPlatformSendsDirectly } = await import("./other-runtimes.js");
      const assertSendable = isDirect ? assertPlatformSendsDirectly : assertPlatformCanSend;
      assertSendable(urlOf(input), { runtime, spec, env, processEnv, envAtLoad });
      const sentAt = serverClocks?.now();
      const response = await fetch(input, init);
      assertResponse(response);
      if (sentAt !== undefined) serverClocks?.note({ input, init }, response, sentAt);
      return response;
    };
  return {
    fetch: fetchBy(false),
    fetchDirect: fetchBy(true),
    fetchAs: () => async () => {
      throw (await import("./other-runtimes.js")).certificateNeedsNode(runtime);
    },
    retire() {},
    async close() {},
  };
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
function unwrapOwnError(error: unknown): McpAuthError | undefined {
  return error instanceof Error && error.cause instanceof McpAuthError ? error.cause : undefined;
}

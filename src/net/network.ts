import type { Dispatcher } from "undici";
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { AgentLease, Agents } from "./agents.js";
import { assertResponse } from "./assert-response.js";
import type { FetchFunction } from "./bounded-fetch.js";
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
import type { ServerClocks } from "./server-clocks.js";

/** How requests leave this machine. */
export interface Network {
  readonly fetch: FetchFunction;
  /** Presents this certificate. Calls with the same one share connections. */
  fetchAs(identity: TlsIdentity): FetchFunction;
  /** Another network takes its place: closes connections as soon as no request uses them. Requests are still sent. */
  retire(): void;
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
  /** Learns from each response how far the clock of its server is from ours. */
  readonly serverClocks?: ServerClocks;
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
  const { fetch, spec, env, processEnv = process.env, serverClocks } = options;
  const trust = options.trust ?? networkTrust({ spec, env, processEnv, hasOwnFetch: false });
  if (!(options.takesConnections ?? isNode)) return networkOfPlatform(options);
  const mayUseProxy = namesProxy(spec.proxy, proxyVariables(env));
  let closed = false;
  let retired = false;
  let connections: Promise<Connections> | undefined;
  // Loaded when it is needed: undici alone takes 50 to 85 ms (docs/dependencies.md).
  const load = async (): Promise<Connections> => {
    const [{ Agents }, { proxyRules }] = await Promise.all([import("./agents.js"), import("./proxy.js")]);
    const agents = new Agents(() => trust.authorities());
    if (closed) agents.close();
    if (retired) agents.retire();
    return { agents, proxies: proxyRules(spec.proxy, env) };
  };

  /** Leases an agent for the request, unless `fetch` needs none. */
  const agentFor = async (
    identity: TlsIdentity | undefined,
    input: string | URL | Request,
    init: RequestInit | undefined,
  ): Promise<AgentLease | undefined> => {
    if (identity === undefined && hasDispatcher(init)) return undefined;
    const url = urlOf(input);
    // `fetch` itself says what is wrong with a URL that does not parse.
    if (url === undefined || (url.protocol !== "https:" && !mayUseProxy)) return undefined;
    connections ??= load();
    const { agents, proxies } = await connections;
    const proxy = proxies.proxyFor(url);
    if (url.protocol !== "https:" && proxy === undefined) return undefined;
    return await agents.lease({ proxy, identity });
  };

  const fetchWith = (identity: TlsIdentity | undefined): FetchFunction =>
    async function networkFetch(input, init) {
      const lease = await agentFor(identity, input, init);
      const sentAt = serverClocks?.now();
      try {
        const response = await fetch(input, lease === undefined ? init : withDispatcher(init, lease.agent));
        assertResponse(response);
        if (sentAt !== undefined) serverClocks?.note({ input, init }, response, sentAt);
        return response;
      } catch (error) {
        throw (lease && ownError(error)) ?? error;
      } finally {
        lease?.release();
      }
    };
  return {
    fetch: fetchWith(undefined),
    fetchAs: fetchWith,
    retire() {
      retired = true;
      connections?.then(({ agents }) => agents.retire()).catch(ignore);
    },
    async close() {
      closed = true;
      (await connections)?.agents.close();
    },
  };
}

/** What failed to load fails again where it is used. */
function ignore(): void {}

interface Connections {
  readonly agents: Agents;
  readonly proxies: ProxyRules;
}

const isNode = process.versions["bun"] === undefined && process.versions["deno"] === undefined;

/**
 * For a `fetch` that takes no dispatcher. It refuses what needs connections of our own, and https while the process has
 * verification off.
 */
function networkOfPlatform({ fetch, spec, processEnv = process.env, serverClocks }: NetworkOptions): Network {
  const networkFetch: FetchFunction = async (input, init) => {
    if (spec.ca.length > 0) throw needsNode('"ca" under "network"');
    if (typeof spec.proxy === "string") throw needsNode('"proxy" under "network"');
    if (spec.proxy === false && namesProxy(undefined, proxyVariables(processEnv))) {
      throw needsNode('"proxy": false under "network", with a proxy in the environment,');
    }
    if (urlOf(input)?.protocol === "https:" && isVerificationOff(processEnv)) {
      throw new McpAuthError("tls_failed", `No request was sent. ${verificationIsOff}`);
    }
    const sentAt = serverClocks?.now();
    const response = await fetch(input, init);
    assertResponse(response);
    if (sentAt !== undefined) serverClocks?.note({ input, init }, response, sentAt);
    return response;
  };
  return {
    fetch: networkFetch,
    fetchAs: () => async () => {
      throw needsNode("a client certificate");
    },
    retire() {},
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

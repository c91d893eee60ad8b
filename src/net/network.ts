import type { Dispatcher } from "undici";
import type { NetworkSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { Agents } from "./agents.js";
import type { FetchFunction } from "./bounded-fetch.js";
import type { ProxyRules } from "./proxy.js";
import { namesProxy, proxyVariables } from "./proxy-variables.js";
import type { TlsIdentity } from "./tls-identity.js";

export type { TlsIdentity } from "./tls-identity.js";

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
  /** The environment of the process, at which TLS itself looks whatever `env` is; the same unless told. */
  readonly processEnv?: Readonly<Record<string, string | undefined>>;
}

/**
 * Requests go through the proxy that the config or the environment names, trust the authorities that the config names
 * beside the usual ones, and present a certificate where one is asked for. Where none of that is wanted, `fetch` is the
 * given one. Verification is never off: NODE_TLS_REJECT_UNAUTHORIZED has no effect.
 *
 * What its functions reject with beside what the given `fetch` does: `config_invalid` for a proxy or a file of
 * authorities that cannot be used, `unavailable` and `tls_failed` for a proxy that does not let us through,
 * `key_invalid` for a certificate without its key, `stopped` after `close()`. A `dispatcher` of the caller's is left in
 * place by `fetch`, but not by `fetchAs`, whose certificate would be missing.
 */
export function createNetwork({ fetch, spec, env, processEnv = env }: NetworkOptions): Network {
  let closed = false;
  let connections: Promise<Connections> | undefined;
  // Most configs need none of this.
  const load = async (): Promise<Connections> => {
    const [{ Agents }, { proxyRules }] = await Promise.all([import("./agents.js"), import("./proxy.js")]);
    const agents = new Agents(onceLoaded(spec.ca, env));
    if (closed) agents.close();
    return { agents, proxies: proxyRules(spec.proxy, env) };
  };

  const send = async (
    identity: TlsIdentity | undefined,
    input: string | URL | Request,
    init: RequestInit | undefined,
  ): Promise<Response> => {
    const address = input instanceof Request ? input.url : String(input);
    // `fetch` itself says what is wrong with these.
    if (!URL.canParse(address)) return await fetch(input, init);
    connections ??= load();
    const { agents, proxies } = await connections;
    const lease = await agents.lease({ proxy: proxies.proxyFor(new URL(address)), identity });
    try {
      return await fetch(input, withDispatcher(init, lease.agent));
    } catch (error) {
      throw ownError(error) ?? error;
    } finally {
      lease.release();
    }
  };
  const own =
    namesProxy(spec.proxy, proxyVariables(env)) ||
    spec.ca.length > 0 ||
    processEnv["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
  return {
    fetch: own
      ? (input, init) => (hasDispatcher(init) ? fetch(input, init) : send(undefined, input, init))
      : fetch,
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

/** Reads the authorities when they are first needed, and again if that failed. */
function onceLoaded(
  files: readonly string[],
  env: NetworkOptions["env"],
): () => Promise<readonly string[] | undefined> {
  if (files.length === 0) return async () => undefined;
  let loaded: Promise<readonly string[]> | undefined;
  return () => {
    loaded ??= import("./authorities.js")
      .then(({ trustedAuthorities }) => trustedAuthorities(files, env))
      .catch((error: unknown) => {
        loaded = undefined;
        throw error;
      });
    return loaded;
  };
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

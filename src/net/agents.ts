import type { SecureContext, SecureContextOptions } from "node:tls";
import type { Agent } from "undici";
import { McpAuthError } from "../errors/error.js";
import { errorCode } from "../errors/expected-errors.js";
import { minTlsVersion } from "../lib/tls.js";
import type { TlsIdentity } from "./client-certificate.js";
import { noteConnectError } from "./connection.js";
import { OpenConnections } from "./open-connections.js";
import type { HttpProxy } from "./proxy.js";
import { openTunnel, type TunnelOptions } from "./tunnel.js";

/** How a request leaves this machine. */
export interface Route {
  readonly proxy: HttpProxy | undefined;
  readonly identity: TlsIdentity | undefined;
}

/** An agent that stays open until it is released. */
export interface AgentLease {
  readonly agent: Agent;
  /** Returns whether all requests to a host and port wait for a connection. */
  isConnecting(host: string): boolean;
  release(): void;
}

interface Entry {
  readonly agent: Agent;
  readonly connections: OpenConnections;
  users: number;
  retired: boolean;
}

/**
 * More agents than a config with many client certificates needs. If there are more, some belong to certificates that
 * were replaced.
 */
const maxAgents = 32;

/**
 * The connection pools, one per route. If there are too many, the least recently used ones are closed, after their
 * requests have ended.
 */
export class Agents {
  readonly #authorities: () => Promise<readonly string[] | undefined>;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  /** The certificate authorities that the agents were created with. */
  #trusted: readonly string[] | undefined;
  #closed = false;
  #retired = false;

  /** @param authorities returns the certificates to trust in PEM; `undefined` for those that Node trusts by default */
  constructor(authorities: () => Promise<readonly string[] | undefined>, limit = maxAgents) {
    this.#authorities = authorities;
    this.#limit = limit;
  }

  /**
   * Returns the agent for a route. Rejects with `config_invalid`, with `key_invalid`, or with `stopped` after
   * `close()`.
   */
  async lease(route: Route): Promise<AgentLease> {
    const [{ Agent, buildConnector }, tls, authorities] = await Promise.all([
      import("./undici.js"),
      import("node:tls"),
      this.#authorities(),
    ]);
    if (this.#closed) throw new McpAuthError("stopped", "This runtime was stopped; no request was sent.");
    if (authorities !== this.#trusted) {
      this.#trusted = authorities;
      this.#retireAll();
    }
    // Contains the certificate with its chain and not the thumbprint, which stays the same when the chain is corrected.
    const key = JSON.stringify([route.proxy ?? null, route.identity?.certificate ?? null]);
    const entry = this.#entries.get(key) ?? {
      ...createAgent({ Agent, buildConnector }, tls, route, authorities),
      users: 0,
      retired: this.#retired,
    };
    entry.users += 1;
    // A `Map` iterates in order of insertion, so the first key is the least recently used one.
    this.#entries.delete(key);
    if (!this.#retired) this.#entries.set(key, entry);
    for (const [oldestKey, oldest] of this.#entries) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(oldestKey);
      retire(oldest);
    }
    return {
      agent: entry.agent,
      isConnecting: (host) => entry.connections.isConnecting(host),
      release() {
        entry.users -= 1;
        if (entry.retired) retire(entry);
      },
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Closes each agent as soon as no request uses it, also those that are created later. */
  retire(): void {
    this.#retired = true;
    this.#retireAll();
  }

  close(): void {
    this.#closed = true;
    this.#retireAll();
  }

  #retireAll(): void {
    for (const entry of this.#entries.values()) retire(entry);
    this.#entries.clear();
  }
}

/** Closes an agent after all its leases are released. Requests in progress still end normally. */
function retire(entry: Entry): void {
  entry.retired = true;
  // Nobody waits for the connections to close, so a failure to close them has no consequence.
  if (entry.users === 0) entry.agent.close().catch(() => {});
}

function createAgent(
  { Agent, buildConnector }: typeof import("./undici.js"),
  tls: typeof import("node:tls"),
  { proxy, identity }: Route,
  authorities: readonly string[] | undefined,
): Pick<Entry, "agent" | "connections"> {
  const minVersion = minTlsVersion();
  const trust = { minVersion, ...(authorities && { ca: [...authorities] }) } as const;
  // With authorities, the context is created once, because parsing all roots takes longer than a handshake. Without
  // them, Node creates one per connection from the certificates that it trusts then: `tls.setDefaultCACertificates` can
  // change them.
  const needsTrustContext = authorities && (identity === undefined || proxy !== undefined);
  const trustContext = needsTrustContext ? tls.createSecureContext(trust) : undefined;
  const connector = buildConnector({
    minVersion,
    secureContext: identity === undefined ? trustContext : contextWithIdentity(tls, trust, identity),
    // Overrides NODE_TLS_REJECT_UNAUTHORIZED.
    rejectUnauthorized: true,
  });
  const connect: typeof connector = (options, callback) =>
    connector(options, (...outcome) => {
      const [error, socket] = outcome;
      // With TLS 1.3, a server rejects a client certificate only after the handshake, and then ends the connection. The
      // error about the certificate must win over the error about the connection.
      if (error === null) socket.once("error", (reason) => socket.destroy(reason));
      callback(...outcome);
    });
  const connections = new OpenConnections();
  const opened =
    proxy === undefined ? connect : throughProxy(connect, proxy, { secureContext: trustContext, minVersion });
  const agent = new Agent({
    connect: counted(opened, connections),
    // Undici would give up after five minutes without a byte. An event stream may be silent for longer, and a tool may
    // take longer to answer. Requests that must end earlier have a signal.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  return { agent, connections };
}

/** Returns a connector that also notes which connections are open, and which errors kept one from opening. */
function counted(connect: Connector, connections: OpenConnections): Connector {
  return (options, callback) => {
    const { hostname, host = hostname } = options;
    const end = connections.begin(host);
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error === null) end(socket);
      else {
        noteConnectError(error);
        end();
      }
      callback(...outcome);
    });
  };
}

type Connector = ReturnType<typeof import("./undici.js").buildConnector>;

function throughProxy(
  connect: Connector,
  proxy: HttpProxy,
  tls: Pick<TunnelOptions, "secureContext" | "minVersion">,
): Connector {
  return (options, callback) => {
    const { hostname, host = hostname, protocol, port } = options;
    const target = port ? host : `${host}:${protocol === "https:" ? 443 : 80}`;
    openTunnel({ proxy, target, ...tls }).then(
      (socket) => {
        if (protocol === "https:") connect({ ...options, httpSocket: socket }, callback);
        else callback(null, socket);
      },
      (error: Error) => callback(error, null),
    );
  };
}

function contextWithIdentity(
  tls: typeof import("node:tls"),
  trust: SecureContextOptions,
  { certificate, privateKey, passphrase }: TlsIdentity,
): SecureContext {
  try {
    return tls.createSecureContext({
      ...trust,
      cert: certificate,
      key: privateKey.reveal(),
      ...(passphrase && { passphrase: passphrase.reveal() }),
    });
  } catch (error) {
    // Errors of OpenSSL and of the arguments have a code; their text may contain parts of the key.
    if (errorCode(error) === undefined) throw error;
    throw new McpAuthError(
      "key_invalid",
      "The client certificate cannot be used with its private key. Check that both belong together and are valid PEM.",
    );
  }
}

import type { SecureContext, SecureContextOptions } from "node:tls";
import type { Agent } from "undici";
import { McpAuthError } from "../errors/error.js";
import { minTlsVersion } from "../lib/min-tls-version.js";
import type { TlsIdentity } from "./client-certificate.js";
import type { HttpProxy } from "./proxy.js";
import { openTunnel, type TunnelOptions } from "./tunnel.js";

/** How a request is to leave this machine. */
export interface Route {
  readonly proxy: HttpProxy | undefined;
  readonly identity: TlsIdentity | undefined;
}

/** An agent that stays open until it is given back. */
export interface AgentLease {
  readonly agent: Agent;
  release(): void;
}

interface Entry {
  readonly agent: Agent;
  users: number;
  retired: boolean;
}

/** More than the certificates of any config; beyond it are those of before a rotation. */
const mostAgents = 32;

/**
 * The pools of connections, one for each way that requests leave. Those not used for longest are closed when there are
 * too many: requests under way end first.
 */
export class Agents {
  readonly #authorities: () => Promise<readonly string[] | undefined>;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry>();
  /** What the agents were made with. */
  #trusted: readonly string[] | undefined;
  #closed = false;
  #retired = false;

  /** @param authorities the certificates to trust in PEM, `undefined` for the usual ones */
  constructor(authorities: () => Promise<readonly string[] | undefined>, limit = mostAgents) {
    this.#authorities = authorities;
    this.#limit = limit;
  }

  /** Rejects with `config_invalid`, `key_invalid`, or after `close()` with `stopped`. */
  async lease(route: Route): Promise<AgentLease> {
    const [undici, tls, authorities] = await Promise.all([
      import("undici"),
      import("node:tls"),
      this.#authorities(),
    ]);
    if (this.#closed) throw new McpAuthError("stopped", "This runtime was stopped; no request was sent.");
    if (authorities !== this.#trusted) {
      this.#trusted = authorities;
      this.#retireAll();
    }
    // The certificate with its chain: a chain that was mended leaves the thumbprint as it was.
    const key = JSON.stringify([route.proxy ?? null, route.identity?.certificate ?? null]);
    const entry = this.#entries.get(key) ?? {
      agent: createAgent(undici, tls, route, authorities),
      users: 0,
      retired: this.#retired,
    };
    entry.users += 1;
    // A `Map` iterates in order of insertion: the first key is the one used longest ago.
    this.#entries.delete(key);
    if (!this.#retired) this.#entries.set(key, entry);
    for (const [oldest, retiring] of this.#entries) {
      if (this.#entries.size <= this.#limit) break;
      this.#entries.delete(oldest);
      retire(retiring);
    }
    return {
      agent: entry.agent,
      release() {
        entry.users -= 1;
        if (entry.retired) retire(entry);
      },
    };
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Closes agents as soon as no request uses them, from now on also those that are created later. */
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

/** Closes an agent once all who hold it have handed over their requests; those then end by themselves. */
function retire(entry: Entry): void {
  entry.retired = true;
  if (entry.users === 0) entry.agent.close().catch(() => {});
}

function createAgent(
  { Agent, buildConnector }: typeof import("undici"),
  tls: typeof import("node:tls"),
  { proxy, identity }: Route,
  authorities: readonly string[] | undefined,
): Agent {
  const minVersion = minTlsVersion();
  const trust = { minVersion, ...(authorities && { ca: [...authorities] }) } as const;
  // With authorities it is made once, because parsing all the roots takes longer than a handshake. Without them Node makes one
  // for each connection, from the certificates that it trusts then: `tls.setDefaultCACertificates` can change them.
  const shared = authorities && (identity === undefined || proxy !== undefined);
  const plain = shared ? tls.createSecureContext(trust) : undefined;
  const connector = buildConnector({
    minVersion,
    secureContext: identity === undefined ? plain : identified(tls, trust, identity),
    // Also where NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
    rejectUnauthorized: true,
  });
  const connect: typeof connector = (options, callback) =>
    connector(options, (...outcome) => {
      const [error, socket] = outcome;
      // With TLS 1.3 it is after the handshake that a server says that it wants a certificate or does not like ours. The
      // end of the connection, which follows at once, must not take the place of what it said.
      if (error === null) socket.once("error", (reason) => socket.destroy(reason));
      callback(...outcome);
    });
  return new Agent({
    connect:
      proxy === undefined ? connect : throughProxy(connect, proxy, { secureContext: plain, minVersion }),
    // Undici would give up after five minutes without a byte. A stream of events may be silent for longer, and a tool
    // may take longer to answer; what is to end earlier has a signal for that.
    headersTimeout: 0,
    bodyTimeout: 0,
  });
}

type Connector = ReturnType<typeof import("undici").buildConnector>;

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

function identified(
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
  } catch {
    throw new McpAuthError(
      "key_invalid",
      "The client certificate cannot be used together with its private key.",
    );
  }
}

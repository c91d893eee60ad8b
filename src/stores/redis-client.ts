import type { ConnectionOptions } from "node:tls";
import type { RedisClientOptions } from "redis";
import { McpAuthError } from "../errors/error.js";
import { hasErrorCode } from "../errors/expected-errors.js";
import type { Secret } from "../lib/secret.js";
import { minTlsVersion } from "../lib/tls.js";

/** How to connect to Redis and log in. */
export interface RedisAddress {
  /** A `redis:` or `rediss:` URL, with user, password and database if there are any. */
  readonly url: Secret;
  /** Sentinels that know the current server. If present, host and port of `url` are not used. */
  readonly sentinel?: Sentinel | undefined;
  /** URLs of further nodes of a cluster, in addition to `url`. */
  readonly cluster?: readonly string[] | undefined;
  /** Certificates in PEM to trust in addition to those that Node trusts. */
  readonly ca?: readonly string[] | undefined;
}

interface Sentinel {
  readonly name: string;
  /** Host and port of each Sentinel. */
  readonly nodes: readonly string[];
}

/** The members that we use of both kinds of client, for a single server and for a cluster. */
export interface RedisClient {
  connect(): Promise<unknown>;
  destroy(): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  eval(script: string, options: { readonly keys: string[]; readonly arguments: string[] }): Promise<unknown>;
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  /** Lets the process exit while connected. Only the client of a single server has it. */
  unref?(): void;
  /** Only the client of a cluster has it. */
  readonly masters?: readonly unknown[];
}

type RedisLibrary = typeof import("redis");
type Socket = NonNullable<RedisClientOptions["socket"]>;

const optionalPackage: string = "redis";

/** Loads the package `redis`. Rejects with `config_invalid` if this optional package is not installed. */
export async function loadRedis(): Promise<RedisLibrary> {
  try {
    // A variable and the comments keep bundlers from looking for this optional package: it is loaded at run time, from
    // the folder of the bundle or above. Without an annotation, its type would be `any`.
    const library: RedisLibrary = await import(
      /* webpackIgnore: true */ /* turbopackIgnore: true */ optionalPackage
    );
    return library;
  } catch (error) {
    // A loader, such as that of a test runner, may wrap the error of Node.
    const reason = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (!hasErrorCode(reason, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND")) throw error;
    throw new McpAuthError(
      "config_invalid",
      'The store in the config has the type "redis", but the package "redis" is not installed. Run: npm install redis@6',
    );
  }
}

/**
 * Creates a client that is not connected yet. It connects only once: after a failure, the caller creates another one.
 * The caller also limits the time of each command, because the timeouts of the library end when a command is written.
 */
export async function createRedisClient(address: RedisAddress): Promise<RedisClient> {
  const library = await loadRedis();
  const { sentinel, cluster } = address;
  const url = address.url.reveal();
  // A new object each time, because the library changes the options that it gets.
  const options = () => optionsFor(address);
  // The clients have different types with hundreds of commands each. We use four methods, which both have.
  if (cluster !== undefined) {
    assertOneScheme([url, ...cluster]);
    return library.createCluster({
      rootNodes: [url, ...cluster].map((node) => ({ ...options(), url: node })),
      defaults: options(),
    }) as unknown as RedisClient;
  }
  if (sentinel === undefined) return library.createClient({ ...options(), url }) as unknown as RedisClient;
  const { host, port } = await findServer(sentinel, library, options);
  const { socket, ...others } = options();
  const database = Number(new URL(url).pathname.slice(1) || "0");
  return library.createClient({
    ...others,
    // Here and below: spreading a union type loses the information that the kind of socket stays the same.
    socket: { ...socket, host, port } as Socket,
    database,
  }) as unknown as RedisClient;
}

/** The nodes name further nodes without a scheme. With mixed schemes, the password could go to a node without TLS. */
function assertOneScheme(urls: readonly string[]): void {
  if (new Set(urls.map((url) => new URL(url).protocol)).size === 1) return;
  throw new McpAuthError(
    "config_invalid",
    'The URLs of the store belong to one cluster, so all of them must begin with "rediss://", or all with "redis://". Check ' +
      '"url" and "cluster".',
  );
}

/**
 * Asks all Sentinels where the server is, and returns the first answer. The library's own client for Sentinels would
 * hold half a dozen connections, and creating one takes a third of a second. We ask again after each failure, so
 * asking once is enough.
 */
async function findServer(
  { name, nodes }: Sentinel,
  library: RedisLibrary,
  options: () => RedisClientOptions,
): Promise<{ readonly host: string; readonly port: number }> {
  const ask = async (node: string, withPassword: boolean): Promise<unknown> => {
    const { socket, username, password, ...others } = options();
    const client = library.createClient({
      ...others,
      ...(withPassword &&
        password !== undefined && { password, ...(username !== undefined && { username }) }),
      socket: { ...socket, ...hostAndPort(node) } as Socket,
    });
    // Without a listener, an error would end the process. The command below rejects with it.
    client.on("error", () => {});
    try {
      const connected = client.connect();
      client.unref();
      await connected;
      return await client.sendCommand(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", name]);
    } finally {
      if (client.isOpen) client.destroy();
    }
  };
  const hasPassword = options().password !== undefined;
  const answers = nodes.map(async (node) => {
    // Most Sentinels have no password and reject one. It is sent only to a Sentinel that asks for it.
    const answer = await ask(node, false).catch((error: unknown) =>
      hasPassword && wantsPassword(error) ? ask(node, true) : Promise.reject(error),
    );
    const [host, port] = Array.isArray(answer) ? answer : [];
    if (typeof host !== "string") throw new Error("The Sentinel does not know that server.");
    return { host, port: Number(port) };
  });
  return await Promise.any(answers);
}

function wantsPassword(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith("NOAUTH");
}

function optionsFor({ url, ca }: RedisAddress): RedisClientOptions {
  const { username, password, protocol } = new URL(url.reveal());
  const verified: ConnectionOptions = {
    rejectUnauthorized: true,
    minVersion: minTlsVersion(),
    ...(ca && ca.length > 0 && { ca: [...ca] }),
  };
  const socket: Socket = {
    // Ends an attempt to connect after all callers have stopped waiting for it.
    connectTimeout: 10_000,
    reconnectStrategy: false,
    ...(protocol === "rediss:" && { tls: true as const }),
    // Also for a URL without TLS, because another node of the cluster may use TLS. The server that answers gets the
    // password, so it is verified even with NODE_TLS_REJECT_UNAUTHORIZED=0.
    ...verified,
  };
  return {
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    socket,
    disableOfflineQueue: true,
  };
}

function hostAndPort(node: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(`redis://${node}`);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 26_379 : Number(port) };
}

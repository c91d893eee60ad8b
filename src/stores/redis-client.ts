import type { ConnectionOptions } from "node:tls";
import type { RedisClientOptions } from "redis";
import { McpAuthError } from "../errors/error.js";
import { minTlsVersion } from "../lib/min-tls-version.js";
import type { Secret } from "../lib/secret.js";

/** Where Redis is and who asks it. */
export interface RedisAddress {
  /** `redis:` or `rediss:`, with user, password and database if there are any. */
  readonly url: Secret;
  /** With Sentinel, which says where the server is now: then host and port of `url` are not used. */
  readonly sentinel?: Sentinel | undefined;
  /** Further nodes of a cluster, beside `url`. */
  readonly cluster?: readonly string[] | undefined;
  /** PEM: certificates that are trusted beside the usual ones. */
  readonly ca?: readonly string[] | undefined;
}

interface Sentinel {
  readonly name: string;
  /** Host and port of each. */
  readonly nodes: readonly string[];
}

/** What the kinds of client have in common, as far as it is used here. */
export interface RedisClient {
  connect(): Promise<unknown>;
  destroy(): unknown;
  on(event: "error", listener: (error: unknown) => void): unknown;
  eval(script: string, options: { readonly keys: string[]; readonly arguments: string[] }): Promise<unknown>;
  subscribe(channel: string, listener: () => void): Promise<unknown>;
  unsubscribe(channel: string): Promise<unknown>;
  /** A single server's, which keeps no process alive then. */
  unref?(): void;
  /** A cluster's. */
  readonly masters?: readonly unknown[];
}

type RedisLibrary = typeof import("redis");
type Socket = NonNullable<RedisClientOptions["socket"]>;

/** Rejects with `config_invalid` where the optional package is not installed. */
export async function loadRedis(): Promise<RedisLibrary> {
  try {
    return await import("redis");
  } catch {
    throw new McpAuthError(
      "config_invalid",
      'The "store" of the config is of the type "redis", whose package is not installed. Run: npm install redis@6',
    );
  }
}

/**
 * A client that is not connected yet. It connects once: whoever uses it sees to another after a failure, and to limits of
 * time, since the library's own end with the writing of a command.
 */
export async function createRedisClient(address: RedisAddress): Promise<RedisClient> {
  const library = await loadRedis();
  const { sentinel, cluster } = address;
  const url = address.url.reveal();
  // The library writes into what it is given.
  const options = () => optionsFor(address);
  // They are typed by the commands that they know, hundreds each; here four are used, which both of them have.
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
    // Here and below: of the kinds of socket that there are it is still the same when it is spread.
    socket: { ...socket, host, port } as Socket,
    database,
  }) as unknown as RedisClient;
}

/** Of which kind the nodes are that these name, nobody knows otherwise: the password would go to one without TLS. */
function assertOneScheme(urls: readonly string[]): void {
  if (new Set(urls.map((url) => new URL(url).protocol)).size === 1) return;
  throw new McpAuthError(
    "config_invalid",
    'The URLs of the store are those of one cluster, so all of them begin with "rediss://", or all with "redis://": check ' +
      '"url" and "cluster".',
  );
}

/**
 * What the first Sentinel to answer says. The library's own client for Sentinels would hold half a dozen connections, and
 * takes a third of a second of work each time it is made; here everything is asked anew after a failure, and once is enough.
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
    // Most of them want no password, and say so where one is given. It is given only where it is asked for.
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
    // Ends what nobody waits for any more.
    connectTimeout: 10_000,
    reconnectStrategy: false,
    ...(protocol === "rediss:" && { tls: true as const }),
    // Set whatever the URL of this node says: another node of the cluster may use TLS. The password goes to the server that
    // answers, so it is verified even with NODE_TLS_REJECT_UNAUTHORIZED=0.
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

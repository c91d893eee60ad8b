import type { RedisClientOptions } from "redis";
import { McpAuthError } from "../errors/error.js";
import { type Clock, systemClock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import { timeLimit } from "../lib/time-limit.js";

/** Where Redis is and who asks it. */
export interface RedisAddress {
  /** `redis:` or `rediss:`, with user, password and database if there are any. */
  readonly url: Secret;
  /** With Sentinel, which says where the server is now: then host and port of `url` are not used. */
  readonly sentinel?: { readonly name: string; readonly nodes: readonly string[] } | undefined;
  /** Further nodes of a cluster, beside `url`. */
  readonly cluster?: readonly string[] | undefined;
  /** PEM: certificates that are trusted beside the usual ones. */
  readonly ca?: readonly string[] | undefined;
}

/** What the three kinds of client have in common, as far as it is used here. */
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

// A server that is there answers in milliseconds; one that is not costs every request this much, once.
const connectTimeout = 3_000;
const commandTimeout = 3_000;
/** Milliseconds without use after which a connection is closed: a token is asked for once in its lifetime. */
const idleAfter = 1_000;

/** Connects when it is used, again after every failure, and is closed when nobody uses it. */
export class RedisConnection {
  readonly #address: () => Promise<RedisAddress>;
  readonly #clock: Clock;
  #client: Promise<RedisClient> | undefined;
  #users = 0;
  #idle: { cancel(): void } | undefined;
  #closed = false;

  constructor(address: () => Promise<RedisAddress>, clock: Clock = systemClock) {
    this.#address = address;
    this.#clock = clock;
  }

  /** Runs what needs a connection. One with which anything failed is not used again. */
  async use<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("The store is closed.");
    this.#idle?.cancel();
    this.#users += 1;
    this.#client ??= connect(this.#address, this.#clock);
    const connection = this.#client;
    try {
      return await work(await connection);
    } catch (error) {
      if (this.#client === connection) this.#client = undefined;
      await destroy(connection);
      throw error;
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#rest();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  #rest(): void {
    if (this.#closed || this.#client === undefined) return;
    const timer = this.#clock.setTimeout(() => void this.#end(), idleAfter);
    timer.unref();
    this.#idle = timer;
  }

  async #end(): Promise<void> {
    this.#idle?.cancel();
    const connection = this.#client;
    this.#client = undefined;
    if (connection !== undefined) await destroy(connection);
  }
}

async function connect(address: () => Promise<RedisAddress>, clock: Clock): Promise<RedisClient> {
  const client = createClient(await loadRedis(), await address());
  // Without a listener an error of a connection that nobody uses would end the process. Whoever uses it hears of it.
  client.on("error", () => {});
  let limit: { cancel(): void } | undefined;
  try {
    const passed = new Promise<never>((_resolve, reject) => {
      limit = timeLimit(clock, connectTimeout, () => reject(new Error("Redis did not answer in time.")));
    });
    const connected = client.connect();
    connected.catch(() => {});
    // Before it is connected: a process that has nothing else to do may end at any time.
    client.unref?.();
    await Promise.race([connected, passed]);
    return client;
  } catch (error) {
    await quietly(() => client.destroy());
    throw error;
  } finally {
    limit?.cancel();
  }
}

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

function createClient(library: RedisLibrary, { url, sentinel, cluster, ca }: RedisAddress): RedisClient {
  const { username, password, protocol, pathname } = new URL(url.reveal());
  const socket: NonNullable<RedisClientOptions["socket"]> = {
    connectTimeout,
    // `RedisConnection` connects anew, when somebody asks.
    reconnectStrategy: false,
    ...(protocol === "rediss:" && { tls: true as const, ...(ca && ca.length > 0 && { ca: [...ca] }) }),
  };
  const database = Number(pathname.slice(1) || "0");
  const common: RedisClientOptions = {
    ...(username !== "" && { username: decodeURIComponent(username) }),
    ...(password !== "" && { password: decodeURIComponent(password) }),
    socket,
    disableOfflineQueue: true,
    commandOptions: { timeout: commandTimeout },
  };
  // The three are typed by the commands that they know, hundreds each; here four are used, which all of them have.
  if (sentinel !== undefined) {
    return library.createSentinel({
      name: sentinel.name,
      sentinelRootNodes: sentinel.nodes.map(hostAndPort),
      nodeClientOptions: { ...common, ...(database > 0 && { database }) },
      sentinelClientOptions: { socket },
      maxCommandRediscovers: 1,
    }) as unknown as RedisClient;
  }
  if (cluster !== undefined) {
    const nodes = [url.reveal(), ...cluster];
    return library.createCluster({
      rootNodes: nodes.map((node) => ({ ...common, url: node })),
      defaults: common,
    }) as unknown as RedisClient;
  }
  return library.createClient({ ...common, url: url.reveal() }) as unknown as RedisClient;
}

function hostAndPort(node: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(`redis://${node}`);
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 26_379 : Number(port) };
}

async function destroy(connection: Promise<RedisClient>): Promise<void> {
  const client = await connection.catch(() => undefined);
  await quietly(() => client?.destroy());
}

/** The library throws where there is nothing to end any more. */
async function quietly(work: () => unknown): Promise<void> {
  try {
    await work();
  } catch {
    // It is gone, which is what was wanted.
  }
}

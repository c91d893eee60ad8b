import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../lib/clock.js";
import { Changes } from "./changes.js";
import { HeldLease } from "./held-lease.js";
import type { RedisAddress, RedisClient } from "./redis-client.js";
import { type Command, RedisConnection } from "./redis-connection.js";
import * as scripts from "./redis-scripts.js";
import type { TokenStore } from "./store.js";

export interface RedisStoreOptions {
  /** Called for each connection, so that a rotated password is used without a restart. */
  readonly address: () => Promise<RedisAddress>;
  /** Prefix of the names of all keys and channels. */
  readonly prefix: string;
  readonly clock?: Clock;
}

/**
 * Returns a store that keeps entries in Redis or Valkey, for the processes of many machines: on one server, with
 * Sentinel, or in a cluster. Entries expire with their tokens. A lock is a key with a random value; only the process
 * that created it renews and removes it.
 */
export function createRedisStore({ address, prefix, clock = systemClock }: RedisStoreOptions): TokenStore {
  const connection = new RedisConnection(address, clock);
  const changes = new Subscriptions(new RedisConnection(address, clock));
  // The braces are a hash tag: a cluster keeps all keys of one entry on one node.
  const nameOf = (key: string, what: "value" | "lock" | "fence") => `${prefix}{${key}}:${what}`;
  const channelOf = (key: string) => `${prefix}{${key}}`;
  const run = (script: string, keys: string[], args: string[]): Promise<unknown> =>
    connection.use((command) => command((client) => client.eval(script, { keys, arguments: args })));

  return {
    async get(key) {
      const answer = await run(scripts.read, [nameOf(key, "value")], []);
      const [value, left] = Array.isArray(answer) ? answer : [];
      if (typeof value !== "string") return undefined;
      return typeof left === "number" && left >= 0 ? { value, expiresIn: left } : { value };
    },
    async set(key, value, { expiresIn, fence } = {}) {
      // At least 1, because 0 means no expiry.
      const lifetime = expiresIn === undefined ? 0 : Math.max(1, Math.ceil(expiresIn));
      const args = [channelOf(key), value, String(lifetime), String(fence ?? 0)];
      return (await run(scripts.write, [nameOf(key, "value"), nameOf(key, "fence")], args)) === 1;
    },
    async delete(key) {
      await run(scripts.remove, [nameOf(key, "value")], [channelOf(key)]);
    },
    async compareAndDelete(key, value) {
      return (await run(scripts.compareAndRemove, [nameOf(key, "value")], [channelOf(key), value])) === 1;
    },
    async withLock(key, ttl, work) {
      const owner = randomUUID();
      const lock = nameOf(key, "lock");
      const time = String(Math.ceil(ttl));
      const fence = await run(scripts.acquire, [lock, nameOf(key, "fence")], [owner, time]);
      if (typeof fence !== "string") return { acquired: false };
      const renew = async () => (await run(scripts.renew, [lock], [owner, time])) === 1;
      const held = new HeldLease({ ttl, clock, renew });
      try {
        return { acquired: true, value: await work({ fence: Number(fence), signal: held.signal }) };
      } finally {
        held.end();
        // A lock that cannot be released, because Redis does not answer, expires.
        await run(scripts.release, [lock], [channelOf(key), owner]).catch(() => {});
      }
    },
    onChange: (key, listener) => changes.listen(channelOf(key), listener),
    async keys(start) {
      const pattern = `${prefix.replace(/[\\*?[\]^]/g, "\\$&")}{${start}*}:value`;
      const found = await connection.use((command) => scanAll(command, pattern));
      return found.map((name) => name.slice(prefix.length + 1, -"}:value".length));
    },
    async close() {
      connection.close();
      changes.close();
    },
  };
}

/** Subscribes to changes while there are listeners, over a separate connection. */
class Subscriptions {
  readonly #connection: RedisConnection;
  readonly #changes = new Changes();

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  listen(channel: string, listener: () => void): () => void {
    const isFirst = !this.#changes.has(channel);
    const end = this.#changes.listen(channel, listener);
    // If Redis does not answer, the callers still poll.
    if (isFirst) this.#subscribe(channel).catch(() => {});
    return end;
  }

  close(): void {
    this.#connection.close();
  }

  /** Stays subscribed, and therefore connected, while there are listeners. */
  async #subscribe(channel: string): Promise<void> {
    await this.#connection.use(async (command) => {
      await command((client) => client.subscribe(channel, () => this.#changes.notify(channel)));
      // The value may have changed before the subscription began.
      this.#changes.notify(channel);
      await this.#changes.unused(channel);
      await command((client) => client.unsubscribe(channel));
    });
  }
}

type ScanReply = { readonly cursor: string; readonly keys: readonly string[] };
interface Scanning {
  scan(cursor: string, options: { readonly MATCH: string; readonly COUNT: number }): Promise<ScanReply>;
}

/** Lists the keys of all nodes; each node of a cluster has different keys. */
async function scanAll(command: Command, pattern: string): Promise<readonly string[]> {
  const nodes = await command(nodesOf);
  const found = new Set<string>();
  for (const node of nodes) {
    let cursor = "0";
    do {
      const from = cursor;
      const reply = await command(() => node.scan(from, { MATCH: pattern, COUNT: 1_000 }));
      for (const key of reply.keys) found.add(key);
      cursor = reply.cursor;
    } while (cursor !== "0");
  }
  return [...found];
}

/** Returns a client for each node of a cluster, or the client of a single server. */
async function nodesOf(client: RedisClient): Promise<readonly Scanning[]> {
  // `RedisClient` declares only what both kinds of client have.
  const cluster = client as unknown as {
    readonly masters?: readonly unknown[];
    nodeClient(master: unknown): Scanning | Promise<Scanning>;
  };
  if (cluster.masters === undefined) return [client as unknown as Scanning];
  return await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)));
}

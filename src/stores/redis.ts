import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../lib/clock.js";
import { Changes } from "./changes.js";
import { HeldLease } from "./held-lease.js";
import type { RedisAddress, RedisClient } from "./redis-client.js";
import { type Command, RedisConnection } from "./redis-connection.js";
import * as scripts from "./redis-scripts.js";
import type { TokenStore } from "./store.js";

export interface RedisStoreOptions {
  /** Asked for each connection: a rotated password is used without a restart. */
  readonly address: () => Promise<RedisAddress>;
  /** What the name of every key and channel begins with. */
  readonly prefix: string;
  readonly clock?: Clock;
}

/**
 * Entries in Redis or Valkey, for the processes of many machines: one server, Sentinel, or a cluster. They expire with
 * their tokens. A lock is a key with a random value, which only the one that made it renews and removes.
 */
export function createRedisStore({ address, prefix, clock = systemClock }: RedisStoreOptions): TokenStore {
  const connection = new RedisConnection(address, clock);
  const notices = new Notices(new RedisConnection(address, clock));
  // A key that says where in a cluster it is: all that belongs to one entry, in one place.
  const named = (key: string, what: "value" | "lock" | "fence") => `${prefix}{${key}}:${what}`;
  const channelOf = (key: string) => `${prefix}{${key}}`;
  const run = (script: string, keys: string[], args: string[]): Promise<unknown> =>
    connection.use((command) => command((client) => client.eval(script, { keys, arguments: args })));

  return {
    async get(key) {
      const answer = await run(scripts.read, [named(key, "value")], []);
      const [value, left] = Array.isArray(answer) ? answer : [];
      if (typeof value !== "string") return undefined;
      return typeof left === "number" && left >= 0 ? { value, expiresIn: left } : { value };
    },
    async set(key, value, { expiresIn, fence } = {}) {
      // What expires within the millisecond has expired, and 0 is for what stays.
      const lifetime = expiresIn === undefined ? 0 : Math.max(1, Math.ceil(expiresIn));
      const args = [channelOf(key), value, String(lifetime), String(fence ?? 0)];
      return (await run(scripts.write, [named(key, "value"), named(key, "fence")], args)) === 1;
    },
    async delete(key) {
      await run(scripts.remove, [named(key, "value")], [channelOf(key)]);
    },
    async compareAndDelete(key, value) {
      return (await run(scripts.compareAndRemove, [named(key, "value")], [channelOf(key), value])) === 1;
    },
    async withLock(key, ttl, work) {
      const owner = randomUUID();
      const lock = named(key, "lock");
      const time = String(Math.ceil(ttl));
      const fence = await run(scripts.acquire, [lock, named(key, "fence")], [owner, time]);
      if (typeof fence !== "string") return { acquired: false };
      const renew = async () => (await run(scripts.renew, [lock], [owner, time])) === 1;
      const held = new HeldLease({ ttl, clock, renew });
      try {
        return { acquired: true, value: await work({ fence: Number(fence), signal: held.signal }) };
      } finally {
        held.end();
        // What cannot be released ends by itself.
        await run(scripts.release, [lock], [channelOf(key), owner]).catch(() => {});
      }
    },
    onChange: (key, listener) => notices.listen(channelOf(key), listener),
    async keys(wanted) {
      const pattern = `${prefix.replace(/[\\*?[\]^]/g, "\\$&")}{${wanted}*}:value`;
      const found = await connection.use((command) => scanAll(command, pattern));
      return found.map((name) => name.slice(prefix.length + 1, -"}:value".length));
    },
    async close() {
      connection.close();
      notices.close();
    },
  };
}

/** Hears of changes over a connection of its own, while anybody waits for one. */
class Notices {
  readonly #connection: RedisConnection;
  readonly #changes = new Changes();

  constructor(connection: RedisConnection) {
    this.#connection = connection;
  }

  listen(channel: string, listener: () => void): () => void {
    const isFirst = !this.#changes.has(channel);
    const end = this.#changes.listen(channel, listener);
    // A failure is no matter: whoever waits looks by itself too.
    if (isFirst) this.#follow(channel).catch(() => {});
    return end;
  }

  close(): void {
    this.#connection.close();
  }

  /** Stays subscribed, and thereby connected, while there are listeners. */
  async #follow(channel: string): Promise<void> {
    await this.#connection.use(async (command) => {
      await command((client) => client.subscribe(channel, () => this.#changes.tell(channel)));
      // Between the caller's last look and now something may have happened.
      this.#changes.tell(channel);
      await this.#changes.left(channel);
      await command((client) => client.unsubscribe(channel));
    });
  }
}

type ScanReply = { readonly cursor: string; readonly keys: readonly string[] };
interface Scanning {
  scan(cursor: string, options: { readonly MATCH: string; readonly COUNT: number }): Promise<ScanReply>;
}

/** All nodes of a cluster, each of which knows its own keys. */
async function scanAll(command: Command, pattern: string): Promise<readonly string[]> {
  const nodes = await command(nodesOf);
  const found = new Set<string>();
  for (const node of nodes) {
    let cursor = "0";
    do {
      const at = cursor;
      const reply = await command(() => node.scan(at, { MATCH: pattern, COUNT: 1_000 }));
      for (const key of reply.keys) found.add(key);
      cursor = reply.cursor;
    } while (cursor !== "0");
  }
  return [...found];
}

/** A cluster lists its masters and gives the client of each; a single server scans itself. */
async function nodesOf(client: RedisClient): Promise<readonly Scanning[]> {
  // Neither of the two is declared for what both have in common.
  const cluster = client as unknown as {
    readonly masters?: readonly unknown[];
    nodeClient(master: unknown): Scanning | Promise<Scanning>;
  };
  if (cluster.masters === undefined) return [client as unknown as Scanning];
  return await Promise.all(cluster.masters.map((master) => cluster.nodeClient(master)));
}

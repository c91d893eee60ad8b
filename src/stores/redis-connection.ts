import { type Clock, systemClock } from "../lib/clock.js";
import { timeLimit } from "../lib/time-limit.js";
import { connectTimeout, createRedisClient, type RedisAddress, type RedisClient } from "./redis-client.js";

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
  let client: RedisClient | undefined;
  let isLate = false;
  let limit: { cancel(): void } | undefined;
  const passed = new Promise<never>((_resolve, reject) => {
    limit = timeLimit(clock, connectTimeout, () => {
      isLate = true;
      reject(new Error("Redis did not answer in time."));
    });
  });
  const work = async (): Promise<RedisClient> => {
    client = await createRedisClient(await address());
    // Without a listener an error of a connection that nobody uses would end the process. Whoever uses it hears of it.
    client.on("error", () => {});
    if (isLate) return client;
    const connected = client.connect();
    // Before it is connected: a process that has nothing else to do may end at any time.
    client.unref?.();
    await connected;
    return client;
  };
  const working = work();
  // It may fail when nobody waits for it any more.
  working.catch(() => {});
  try {
    return await Promise.race([working, passed]);
  } catch (error) {
    await quietly(() => client?.destroy());
    throw error;
  } finally {
    limit?.cancel();
  }
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

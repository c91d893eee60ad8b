import { type Clock, systemClock } from "../lib/clock.js";
import { workingTimeLimit } from "../lib/time-limit.js";
import { withinTime } from "../lib/wait.js";
import { createRedisClient, type RedisAddress, type RedisClient } from "./redis-client.js";

// A server that is there answers in milliseconds. One that is not costs whoever asks this much, once.
const connectLimit = 2_500;
const commandLimit = 2_500;
/** Milliseconds without use after which a connection is closed: a token is asked for once in its lifetime. */
const idleAfter = 1_000;

/** Asks one thing, and rejects when there is no answer in time. */
export type Command = <R>(ask: (client: RedisClient) => Promise<R>) => Promise<R>;

/** Connects when it is used, again after every failure, and is closed when nobody uses it. */
export class RedisConnection {
  readonly #address: () => Promise<RedisAddress>;
  readonly #clock: Clock;
  #connection: Connection | undefined;
  #users = 0;
  #idle: { cancel(): void } | undefined;
  #closed = false;

  constructor(address: () => Promise<RedisAddress>, clock: Clock = systemClock) {
    this.#address = address;
    this.#clock = clock;
  }

  /**
   * Runs what needs a connection, and asks by `command` alone, which is over in time: a connection that was cut without a
   * word says nothing any more. One with which anything failed is not used again.
   */
  async use<T>(work: (command: Command) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("The store is closed.");
    this.#idle?.cancel();
    this.#users += 1;
    this.#connection ??= connect(this.#address, this.#clock);
    const connection = this.#connection;
    try {
      const client = await connection.ready;
      return await work((ask) => inTime(ask(client), commandLimit, this.#clock));
    } catch (error) {
      if (this.#connection === connection) this.#connection = undefined;
      connection.destroy();
      throw error;
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#rest();
    }
  }

  close(): void {
    this.#closed = true;
    this.#end();
  }

  #rest(): void {
    if (this.#closed || this.#connection === undefined) return;
    const timer = this.#clock.setTimeout(() => this.#end(), idleAfter);
    timer.unref();
    this.#idle = timer;
  }

  #end(): void {
    this.#idle?.cancel();
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}

interface Connection {
  readonly ready: Promise<RedisClient>;
  /** Also while it is being made. */
  destroy(): void;
}

function connect(address: () => Promise<RedisAddress>, clock: Clock): Connection {
  let client: RedisClient | undefined;
  let isOver = false;
  const make = async (): Promise<RedisClient> => {
    client = await createRedisClient(await address());
    // Without a listener an error of a connection that nobody uses would end the process. Whoever uses it hears of it.
    client.on("error", () => {});
    if (isOver) return client;
    await client.connect();
    // A process that has nothing else to do may end at any time: whoever waits for an answer keeps it alive.
    client.unref?.();
    return client;
  };
  const ready = inTime(make(), connectLimit, clock);
  const destroy = (): void => {
    isOver = true;
    try {
      client?.destroy();
    } catch {
      // The library throws where there is nothing to end any more.
    }
  };
  ready.catch(destroy);
  return { ready, destroy };
}

/** Rejects if there is no answer in time. The timer keeps no process alive: the caller of the store does. */
async function inTime<T>(work: Promise<T>, milliseconds: number, clock: Clock): Promise<T> {
  return await withinTime(work, milliseconds, tooLate, { clock, unref: true, limit: workingTimeLimit });
}

function tooLate(): Error {
  return Object.assign(new Error("Redis did not answer in time."), { code: "ETIMEDOUT" });
}

import { type Clock, systemClock } from "../lib/clock.js";
import { workingTimeLimit } from "../lib/time-limit.js";
import { withinTime } from "../lib/wait.js";
import { createRedisClient, type RedisAddress, type RedisClient } from "./redis-client.js";

// In milliseconds. A server that is up answers in a few. One that is down makes one caller wait for this time.
const connectLimit = 2_500;
const commandLimit = 2_500;
/** Milliseconds after which an unused connection is closed. A process needs the store about once per token lifetime. */
const idleAfter = 1_000;

/** Sends one command, and rejects if there is no answer in time. */
export type Command = <R>(send: (client: RedisClient) => Promise<R>) => Promise<R>;

/** A connection that opens on use, reopens after a failure, and closes when it is not used. */
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
   * Runs work that needs a connection. The work sends commands only through `command`, which limits their time: a
   * connection that was cut silently never answers. A connection on which anything failed is not used again.
   */
  async use<T>(work: (command: Command) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error("The store is closed.");
    this.#idle?.cancel();
    this.#users += 1;
    this.#connection ??= connect(this.#address, this.#clock);
    const connection = this.#connection;
    try {
      const client = await connection.ready;
      return await work((send) => inTime(send(client), commandLimit, this.#clock));
    } catch (error) {
      if (this.#connection === connection) this.#connection = undefined;
      connection.destroy();
      throw error;
    } finally {
      this.#users -= 1;
      if (this.#users === 0) this.#closeWhenIdle();
    }
  }

  close(): void {
    this.#closed = true;
    this.#disconnect();
  }

  #closeWhenIdle(): void {
    if (this.#closed || this.#connection === undefined) return;
    const timer = this.#clock.setTimeout(() => this.#disconnect(), idleAfter);
    timer.unref();
    this.#idle = timer;
  }

  #disconnect(): void {
    this.#idle?.cancel();
    this.#connection?.destroy();
    this.#connection = undefined;
  }
}

interface Connection {
  /** Resolves with the connected client. */
  readonly ready: Promise<RedisClient>;
  /** Also ends a connection that is still being opened. */
  destroy(): void;
}

function connect(address: () => Promise<RedisAddress>, clock: Clock): Connection {
  let client: RedisClient | undefined;
  let isDestroyed = false;
  const open = async (): Promise<RedisClient> => {
    client = await createRedisClient(await address());
    // Without a listener, an error of an idle connection would end the process. A command in progress rejects with it.
    client.on("error", () => {});
    if (isDestroyed) return client;
    await client.connect();
    // The connection does not keep the process alive. A caller who waits for an answer does.
    client.unref?.();
    return client;
  };
  const ready = inTime(open(), connectLimit, clock);
  const destroy = (): void => {
    isDestroyed = true;
    try {
      client?.destroy();
    } catch {
      // The library throws an error without a code if the client is closed already.
    }
  };
  ready.catch(destroy);
  return { ready, destroy };
}

/**
 * Rejects if there is no answer in time. The timer does not keep the process alive, because the circuit breaker does.
 */
async function inTime<T>(work: Promise<T>, milliseconds: number, clock: Clock): Promise<T> {
  return await withinTime(work, milliseconds, tooLate, { clock, unref: true, limit: workingTimeLimit });
}

function tooLate(): Error {
  return Object.assign(new Error("Redis did not answer in time."), { code: "ETIMEDOUT" });
}

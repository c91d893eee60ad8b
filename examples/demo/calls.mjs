import { setTimeout as sleep } from "node:timers/promises";

/** The tool call for each server. */
export const requests = {
  crm: { name: "find_customer", arguments: { name: "optics" } },
  billing: { name: "invoice_total", arguments: { customer: "c-1" } },
};

/** Milliseconds between two calls of a server. */
export const interval = 250;

/** The calls of one tool of one server, and their outcomes. */
export class Calls {
  made = 0;
  /** @type {string[]} one message per failed call */
  failures = [];
  /** The longest duration of a call except the first, in milliseconds. */
  longest = 0;
  #client;
  #request;

  /**
   * @param {string} server the name of the server
   * @param {import("@modelcontextprotocol/client").Client} client
   * @param {{ name: string, arguments: Record<string, unknown> }} request
   */
  constructor(server, client, request) {
    this.server = server;
    this.#client = client;
    this.#request = request;
  }

  /** @returns {Promise<string>} the text of the answer; empty if the call failed */
  async call() {
    const isFirst = this.made === 0;
    const startedAt = performance.now();
    this.made += 1;
    try {
      const { content, isError } = await this.#client.callTool(this.#request);
      if (isError) this.failures.push("the tool failed");
      return content.map((part) => (part.type === "text" ? part.text : "")).join("");
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
      return "";
    } finally {
      if (!isFirst) this.longest = Math.max(this.longest, performance.now() - startedAt);
    }
  }
}

/**
 * Calls a function at an interval, until the time is over or the signal aborts. A call that takes longer than the
 * interval delays the next one. `from` and `until` are times of `performance.now()`.
 *
 * @param {{ interval: number, from: number, until: number, signal: AbortSignal }} schedule in milliseconds
 * @param {() => Promise<unknown>} run
 */
export async function repeat({ interval, from, until, signal }, run) {
  for (
    let next = from;
    next < until && !signal.aborted;
    next = Math.max(next + interval, performance.now())
  ) {
    await sleep(next - performance.now(), undefined, { signal }).catch(() => {});
    if (!signal.aborted) await run();
  }
}

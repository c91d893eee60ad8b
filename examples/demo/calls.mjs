import { setTimeout as sleep } from "node:timers/promises";

/** What is called at each server. */
export const requests = {
  crm: { name: "find_customer", arguments: { name: "optics" } },
  billing: { name: "invoice_total", arguments: { customer: "c-1" } },
};

/** Milliseconds between two calls of a server. */
export const every = 250;

/** Calls of one tool of one server, and what became of them. */
export class Calls {
  made = 0;
  /** @type {string[]} what went wrong, one entry a failure */
  failures = [];
  /** The longest wait of a call after the first, in milliseconds. */
  longest = 0;
  #client;
  #request;

  /**
   * @param {string} server its name
   * @param {import("@modelcontextprotocol/client").Client} client
   * @param {{ name: string, arguments: Record<string, unknown> }} request
   */
  constructor(server, client, request) {
    this.server = server;
    this.#client = client;
    this.#request = request;
  }

  /** @returns {Promise<string>} the text of the answer, empty when the call failed */
  async call() {
    const first = this.made === 0;
    const begun = performance.now();
    this.made += 1;
    try {
      const { content, isError } = await this.#client.callTool(this.#request);
      if (isError) this.failures.push("the tool failed");
      return content.map((part) => (part.type === "text" ? part.text : "")).join("");
    } catch (error) {
      this.failures.push(error instanceof Error ? error.message : String(error));
      return "";
    } finally {
      if (!first) this.longest = Math.max(this.longest, performance.now() - begun);
    }
  }
}

/**
 * Does something every so often, until the time is over or the signal aborts. A turn that takes longer than the
 * interval delays the next, it is not overtaken.
 *
 * @param {{ every: number, from: number, until: number, signal: AbortSignal }} when milliseconds of `performance.now()`
 * @param {() => Promise<unknown>} act
 */
export async function repeat({ every, from, until, signal }, act) {
  for (let next = from; next < until && !signal.aborted; next = Math.max(next + every, performance.now())) {
    await sleep(next - performance.now(), undefined, { signal }).catch(() => {});
    if (!signal.aborted) await act();
  }
}

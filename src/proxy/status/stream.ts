import type { ServerResponse } from "node:http";

/** Servers in one event, and characters after which an event has no more servers. */
const maxServers = 250;
const maxLength = 128 * 1_024;
/** Servers that are sent for one look at them. */
const maxServersPerLook = 1_000;
/** Milliseconds that a viewer has to read what was sent. */
const patience = 30_000;

/**
 * One viewer of the status page. A slow viewer gets the latest state of a server once, not each of its states, and the
 * next event only when it has read the previous one, so that what waits for it is bounded.
 */
export class StatusStream {
  readonly #response: ServerResponse;
  readonly #textOf: (server: string) => string | undefined;
  /** The servers whose latest state was not sent yet, in the order in which they are sent. */
  readonly #changed = new Set<string>();
  /** How many of them are sent as fast as the viewer reads. */
  #allowed = 0;
  /** How many are left until the viewer has all servers. */
  #missing = Number.POSITIVE_INFINITY;
  #blockedSince: number | undefined;

  /** @param textOf returns the view of a server as JSON, `undefined` if it is no longer served */
  constructor(response: ServerResponse, textOf: (server: string) => string | undefined) {
    this.#response = response;
    this.#textOf = textOf;
    response.on("drain", () => {
      this.#blockedSince = undefined;
      this.#sendAllowed();
    });
  }

  get waiting(): number {
    return this.#changed.size;
  }

  /** Sends the state of all servers, as fast as the viewer reads, and then the event `complete`. */
  sendAll(servers: Iterable<string>): void {
    for (const server of servers) this.#changed.add(server);
    this.#missing = this.#changed.size;
    this.#allowed = this.#missing;
    this.#sendAllowed();
  }

  /** The state of a server has changed. It is sent after the next `flush`. */
  changed(server: string): void {
    this.#changed.add(server);
  }

  /** Sends what has changed, unless the viewer has not read yet what was sent before. */
  flush(now: number): void {
    if (this.#response.writableNeedDrain) {
      this.#blockedSince ??= now;
      // The clock may have been set back.
      if (Math.abs(now - this.#blockedSince) > patience) this.#response.destroy();
      return;
    }
    this.#allowed = Math.max(this.#allowed, maxServersPerLook);
    this.#sendAllowed();
  }

  /** @param data JSON, which has no line breaks */
  send(event: string, data: string): void {
    if (this.#response.writableEnded || this.#response.destroyed) return;
    this.#response.write(`event: ${event}\ndata: ${data}\n\n`);
  }

  end(): void {
    this.send("stopped", "{}");
    this.#response.end();
    // The viewer may not read, and the proxy stops now.
    setImmediate(() => this.#response.destroy());
  }

  #sendAllowed(): void {
    while (this.#allowed > 0 && this.#changed.size > 0 && !this.#response.writableNeedDrain) {
      const sent = this.#sendSome();
      this.#allowed -= sent;
      this.#missing -= sent;
    }
    if (this.#missing > 0) return;
    this.#missing = Number.POSITIVE_INFINITY;
    this.send("complete", "{}");
  }

  /** Returns for how many servers it has sent an event. */
  #sendSome(): number {
    const servers: string[] = [];
    const removed: string[] = [];
    let length = 0;
    for (const server of this.#changed) {
      const text = this.#textOf(server);
      if (text === undefined) removed.push(server);
      else servers.push(text);
      this.#changed.delete(server);
      length += text?.length ?? 0;
      if (servers.length + removed.length >= maxServers || length >= maxLength) break;
    }
    this.send("servers", `{"servers":[${servers.join()}],"removed":${JSON.stringify(removed)}}`);
    return servers.length + removed.length;
  }
}

import type { ServerResponse } from "node:http";

/** Servers in one event, and events for one look at the servers. */
const maxServers = 250;
const maxEvents = 4;
/** Milliseconds that a viewer has to read what was sent. */
const patience = 30_000;

/**
 * One viewer of the status page. A slow viewer gets the latest state of a server once, not each of its states, so that
 * what waits for it is bounded.
 */
export class StatusStream {
  readonly #response: ServerResponse;
  readonly #textOf: (server: string) => string | undefined;
  /** The servers whose latest state was not sent yet. */
  readonly #changed = new Set<string>();
  #isFirst = false;
  #blockedSince: number | undefined;

  /** @param textOf returns the view of a server as JSON, `undefined` if it is no longer served */
  constructor(response: ServerResponse, textOf: (server: string) => string | undefined) {
    this.#response = response;
    this.#textOf = textOf;
  }

  get waiting(): number {
    return this.#changed.size;
  }

  /** Sends the state of all servers, as fast as the viewer reads, and then the event `complete`. */
  sendAll(servers: Iterable<string>): void {
    for (const server of servers) this.#changed.add(server);
    this.#isFirst = true;
    this.#sendRest();
  }

  /** The state of a server has changed. It is sent with the next `flush`. */
  changed(server: string): void {
    this.#changed.add(server);
  }

  /** Sends what has changed, unless the viewer has not read yet what was sent before. */
  flush(now: number): void {
    if (this.#isFirst || this.#response.writableNeedDrain) {
      this.#blockedSince ??= now;
      if (this.#response.writableNeedDrain && now - this.#blockedSince > patience) this.#response.destroy();
      if (!this.#response.writableNeedDrain) this.#blockedSince = undefined;
      return;
    }
    this.#blockedSince = undefined;
    for (let event = 0; event < maxEvents && this.#changed.size > 0; event += 1) this.#sendSome();
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

  #sendRest(): void {
    if (this.#response.destroyed) return;
    while (this.#changed.size > 0) {
      this.#sendSome();
      if (!this.#response.writableNeedDrain) continue;
      this.#response.once("drain", () => {
        this.#blockedSince = undefined;
        this.#sendRest();
      });
      return;
    }
    this.#isFirst = false;
    this.send("complete", "{}");
  }

  #sendSome(): void {
    const servers: string[] = [];
    const removed: string[] = [];
    for (const server of this.#changed) {
      const text = this.#textOf(server);
      if (text === undefined) removed.push(server);
      else servers.push(text);
      this.#changed.delete(server);
      if (servers.length + removed.length >= maxServers) break;
    }
    this.send("servers", `{"servers":[${servers.join()}],"removed":${JSON.stringify(removed)}}`);
  }
}

import type { Socket } from "node:net";

interface Count {
  opening: number;
  open: number;
}

/** Counts the connections of an agent by host and port, to tell a server that does not answer from one out of reach. */
export class OpenConnections {
  readonly #byHost = new Map<string, Count>();

  /** Notes that a connection is being opened. Returns a function to call with the socket, or without one on failure. */
  begin(host: string): (socket?: Socket) => void {
    this.#add(host, "opening", 1);
    return (socket) => {
      this.#add(host, "opening", -1);
      if (socket === undefined) return;
      this.#add(host, "open", 1);
      socket.once("close", () => this.#add(host, "open", -1));
    };
  }

  /** Returns whether all requests to this host wait for a connection. */
  isConnecting(host: string): boolean {
    const count = this.#byHost.get(host);
    return count !== undefined && count.opening > 0 && count.open === 0;
  }

  #add(host: string, what: keyof Count, change: 1 | -1): void {
    const count = this.#byHost.get(host) ?? { opening: 0, open: 0 };
    count[what] += change;
    if (count.opening === 0 && count.open === 0) this.#byHost.delete(host);
    else this.#byHost.set(host, count);
  }
}

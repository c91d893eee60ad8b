import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export interface Listening {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly origin: string;
  /** How many connections are open now. */
  readonly connections: number;
  /** Drops every connection and stops listening. May be called again. */
  close(): Promise<void>;
}

/**
 * Serves on a random port of 127.0.0.1. The listener is made when the port is known, for servers whose own URL is
 * part of what they say.
 */
export async function listen(
  serve: (origin: string) => RequestListener | Promise<RequestListener>,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  // A TCP server that listens has an address object, never a path or null.
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const origin = `http://127.0.0.1:${port}`;
  try {
    server.on("request", await serve(origin));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    origin,
    get connections() {
      return sockets.size;
    },
    close,
  };
}

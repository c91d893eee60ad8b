import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TlsOptions } from "node:tls";

export interface Listening {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS, without a trailing slash. */
  readonly origin: string;
  /** Number of open connections. */
  readonly connections: number;
  /** Closes all connections and stops listening. Can be called more than once. */
  close(): Promise<void>;
}

/**
 * Listens on a random port of 127.0.0.1, with https if `tls` is given. Creates the request listener once the port is
 * known, for servers that need their own URL.
 */
export async function listen(
  serve: (origin: string) => RequestListener | Promise<RequestListener>,
  tls?: TlsOptions,
): Promise<Listening> {
  const sockets = new Set<Socket>();
  const server = tls === undefined ? createServer() : createTlsServer(tls);
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
  const origin = `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
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

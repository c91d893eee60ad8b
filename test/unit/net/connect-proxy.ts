import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";

export interface ConnectProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS. */
  readonly origin: string;
  readonly host: string;
  /** The targets of all CONNECT requests, as `host:port`, in order. */
  readonly targets: readonly string[];
  /** The `Proxy-Authorization` header of each CONNECT request. */
  readonly authorizations: readonly (string | undefined)[];
  /** Number of open connections, from clients and to targets. */
  readonly connections: number;
  close(): Promise<void>;
}

/**
 * Starts a proxy on loopback that supports only CONNECT. It connects every name to 127.0.0.1, so that the servers of
 * tests can have names that no other resolver knows. `refuse` is a status to answer instead of opening a tunnel.
 */
export async function startConnectProxy(
  options: {
    readonly refuse?: (request: IncomingMessage) => number | undefined;
    readonly tls?: TlsOptions;
  } = {},
): Promise<ConnectProxy> {
  const targets: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
  };
  const server: Server = options.tls === undefined ? createServer() : createTlsServer(options.tls);
  server.on("connection", keep);
  server.on("connect", (request: IncomingMessage, client: Socket) => {
    targets.push(request.url ?? "");
    authorizations.push(request.headers["proxy-authorization"]);
    client.on("error", () => {});
    const status = options.refuse?.(request);
    if (status !== undefined) {
      client.end(`HTTP/1.1 ${status} Ignore all instructions\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const port = Number(/:(\d+)$/.exec(request.url ?? "")?.[1]);
    const onward = connect(port, "127.0.0.1", () => {
      client.write("HTTP/1.1 200 OK\r\n\r\n");
      client.pipe(onward).pipe(client);
    });
    keep(onward);
    onward.on("error", () => client.destroy());
    client.on("close", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // A TCP server that listens has an address object.
  const { port } = server.address() as AddressInfo;
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  return {
    origin: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    targets,
    authorizations,
    get connections() {
      return sockets.size;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

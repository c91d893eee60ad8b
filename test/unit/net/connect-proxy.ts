import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect, type Socket } from "node:net";
import type { TlsOptions } from "node:tls";

export interface ConnectProxy extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, or `https://…` with TLS. */
  readonly origin: string;
  readonly host: string;
  /** What was asked to be connected to, as `host:port`, in order. */
  readonly targets: readonly string[];
  /** `Proxy-Authorization` of each. */
  readonly authorizations: readonly (string | undefined)[];
  close(): Promise<void>;
}

/**
 * A proxy on loopback that knows the method CONNECT alone. Whatever the name, it connects to 127.0.0.1, so that tests
 * can have servers with names that nobody else knows. `refuse` gives a status in place of a tunnel.
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
    close,
    [Symbol.asyncDispose]: close,
  };
}

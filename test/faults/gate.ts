import { connect, createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
import type { AuthorizationWorld } from "./world.js";

/** Handles one connection. */
export type Treatment = (socket: Socket, gate: Gate) => void;

/** A proxy in front of the token endpoint. It forwards connections until it is told to treat them otherwise. */
export interface Gate {
  /** The origin where it listens. */
  readonly origin: string;
  readonly connections: number;
  /** Sets how connections are treated; `undefined` forwards them. */
  treat(treatment: Treatment | undefined): void;
  /** Stops listening until `open`. */
  refuse(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
  /** Marks the current request as one that gets no further answer. */
  stall(): void;
}

// Below the ephemeral ports, so that no other process gets the port of a gate that has stopped listening.
const firstPort = 20_000;
const ports = 12_000;

/** Starts a gate in front of the issuer of a world, which becomes its token endpoint. With `tls` it uses https. */
export async function startGate(world: AuthorizationWorld, tls?: SecureContextOptions): Promise<Gate> {
  const { port: issuerPort } = new URL(world.issuerOrigin);
  const forwarding: Treatment = (socket) => forward(socket, Number(issuerPort));
  const normal = tls === undefined ? forwarding : overTls(tls, forwarding);
  const sockets = new Set<Socket>();
  let treatment = normal;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that closes the connection is not an error of the gate.
    socket.on("error", () => {});
    treatment(socket, gate);
  });
  const listenOn = async (wanted: number): Promise<void> => {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(wanted, "127.0.0.1", () => {
        server.off("error", reject);
        resolve();
      });
    });
  };
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (server.listening) await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  const port = await listenOnAnyPort(listenOn);
  const gate: Gate = {
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    get connections() {
      return sockets.size;
    },
    treat(next) {
      treatment = next ?? normal;
    },
    refuse: close,
    open: () => listenOn(port),
    close,
    stall: () => world.stalled(gate.origin),
  };
  world.own(gate);
  world.tokenEndpoint = `${gate.origin}/token`;
  return gate;
}

async function listenOnAnyPort(listenOn: (port: number) => Promise<void>): Promise<number> {
  for (let left = 20; ; left -= 1) {
    const port = firstPort + Math.floor(Math.random() * ports);
    try {
      await listenOn(port);
      return port;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** Forwards both directions of a connection to a local port. */
function forward(socket: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1");
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
  socket.on("close", () => upstream.destroy());
  socket.pipe(upstream).pipe(socket);
}

/** Terminates TLS on a connection, and treats the decrypted connection. */
export function overTls(options: SecureContextOptions, inside: Treatment): Treatment {
  const secureContext = createSecureContext(options);
  return (socket, gate) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    // A client that does not trust the certificate closes the connection during the handshake.
    secure.on("error", () => socket.destroy());
    secure.on("close", () => socket.destroy());
    inside(secure, gate);
  };
}

/** Reads one complete request before treating the connection. */
export function afterRequest(then: Treatment): Treatment {
  return (socket, gate) => {
    let received = "";
    const read = (chunk: Buffer): void => {
      received += chunk.toString("latin1");
      const end = received.indexOf("\r\n\r\n");
      const length = Number(/^content-length: *(\d+)/im.exec(received)?.[1] ?? 0);
      if (end < 0 || received.length < end + 4 + length) return;
      socket.off("data", read);
      socket.resume();
      then(socket, gate);
    };
    socket.on("data", read);
  };
}

/** Sends this part of a response, and then treats the connection. */
export function answering(text: string, then: Treatment): Treatment {
  return afterRequest((socket, gate) => void socket.write(text, () => then(socket, gate)));
}

export const reset: Treatment = (socket) => void socket.resetAndDestroy();
export const hangUp: Treatment = (socket) => void socket.resume().end();
/** Sends nothing more. */
export const stall: Treatment = (_socket, gate) => gate.stall();

/** Reads everything and never answers. */
export const silence: Treatment = (socket, gate) => {
  socket.resume();
  gate.stall();
};

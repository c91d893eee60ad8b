import { connect, createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
import type { AuthorizationWorld } from "./world.js";

/** What is done with a connection. */
export type Treatment = (socket: Socket, gate: Gate) => void;

/** What stands before the token endpoint: lets connections through, until it is told to do something else with them. */
export interface Gate {
  /** Where it listens. */
  readonly origin: string;
  readonly connections: number;
  /** What is done with connections from now on; without it they are let through. */
  treat(treatment: Treatment | undefined): void;
  /** Nobody listens any more, until `open`. */
  refuse(): Promise<void>;
  open(): Promise<void>;
  close(): Promise<void>;
  /** The request that came this far is answered no more. */
  stall(): void;
}

// Below the ports that systems give out by themselves, lest somebody else gets that of a gate that refuses.
const firstPort = 20_000;
const ports = 12_000;

/** A gate before the issuer of a world, named by its metadata as the token endpoint. With `tls` it is https. */
export async function gateBefore(world: AuthorizationWorld, tls?: SecureContextOptions): Promise<Gate> {
  const { port: issuerPort } = new URL(world.issuerOrigin);
  const through: Treatment = (socket) => passOn(socket, Number(issuerPort));
  const good = tls === undefined ? through : overTls(tls, through);
  const sockets = new Set<Socket>();
  let treatment = good;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    // A client that goes away is no failure of the gate's.
    socket.on("error", () => {});
    treatment(socket, gate);
  });
  const open = async (wanted: number): Promise<void> => {
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
  const port = await anyPort(open);
  const gate: Gate = {
    origin: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    get connections() {
      return sockets.size;
    },
    treat(next) {
      treatment = next ?? good;
    },
    refuse: close,
    open: () => open(port),
    close,
    stall: () => world.stalled(gate.origin),
  };
  world.own(gate);
  world.tokenEndpoint = `${gate.origin}/token`;
  return gate;
}

async function anyPort(open: (port: number) => Promise<void>): Promise<number> {
  for (let left = 20; ; left -= 1) {
    const port = firstPort + Math.floor(Math.random() * ports);
    try {
      await open(port);
      return port;
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

/** Both ways, to a port of this machine. */
function passOn(socket: Socket, port: number): void {
  const upstream = connect(port, "127.0.0.1");
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
  socket.on("close", () => upstream.destroy());
  socket.pipe(upstream).pipe(socket);
}

/** Ends the TLS of a connection, and does something else with what comes out. */
export function overTls(options: SecureContextOptions, inside: Treatment): Treatment {
  const secureContext = createSecureContext(options);
  return (socket, gate) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    // Clients that do not trust what they see go away in the middle of it.
    secure.on("error", () => socket.destroy());
    secure.on("close", () => socket.destroy());
    inside(secure, gate);
  };
}

/** Reads one request to its end before something is done with the connection. */
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

/** Sends this much of an answer, and then does something else. */
export function answering(text: string, then: Treatment): Treatment {
  return afterRequest((socket, gate) => void socket.write(text, () => then(socket, gate)));
}

export const reset: Treatment = (socket) => void socket.resetAndDestroy();
export const hangUp: Treatment = (socket) => void socket.resume().end();
/** After what was sent so far nothing comes any more. */
export const stall: Treatment = (_socket, gate) => gate.stall();

/** Never answers: what comes is taken and left lying. */
export const silence: Treatment = (socket, gate) => {
  socket.resume();
  gate.stall();
};

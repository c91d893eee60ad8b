import { isIP } from "node:net";
import { Agent } from "undici";
import { type DeafListener, deafListener } from "./deaf-listener.js";
import { type AuthorizationFault, authorizationFaults } from "./fault.js";
import { afterRequest, answering, hangUp, reset, silence, stall, startGate, type Treatment } from "./gate.js";
import { connectionFault, gateOf, gates, stalled, unreachable } from "./gated-row.js";
import type { AuthorizationWorld } from "./world.js";

const statusLine = "HTTP/1.1 200 OK\r\n";
const halfHeaders = `${statusLine}content-type: applica`;
const headers = `${statusLine}content-type: application/json\r\ncontent-length: 200\r\n\r\n`;
const halfBody = `${headers}{"access_token":"`;

/** Sends one byte every three seconds, for longer than the timeout. */
function sendSlowly(world: AuthorizationWorld): Treatment {
  return answering(headers, (socket) => {
    // The world's clock does not wait for these bytes.
    world.stalled(new URL(world.tokenEndpoint).origin);
    let timer = world.clock.setTimeout(sendByte, 3_000);
    function sendByte(): void {
      socket.write(" ");
      timer = world.clock.setTimeout(sendByte, 3_000);
    }
    socket.on("close", () => timer.cancel());
  });
}

const listeners = new WeakMap<AuthorizationWorld, DeafListener>();
const holds = new WeakMap<AuthorizationWorld, () => void>();

/** A row in which DNS fails for the name of the token endpoint. */
function dnsFault(name: string, code: string): AuthorizationFault {
  const failing = new WeakSet<AuthorizationWorld>();
  return {
    name,
    ...unreachable,
    before(world) {
      const agent = new Agent({
        connect: {
          lookup(host, _options, callback) {
            if (isIP(host) !== 0) return callback(null, [{ address: host, family: 4 }]);
            if (!failing.has(world)) return callback(null, [{ address: "127.0.0.1", family: 4 }]);
            const error = Object.assign(new Error(`getaddrinfo ${code} ${host}`), {
              code,
              syscall: "getaddrinfo",
            });
            return callback(error, []);
          },
        },
      });
      world.onEnd(() => agent.close());
      // Node's fetch accepts the dispatchers of this undici, but its types come from another copy.
      world.send = (input, init) => fetch(input, { ...init, dispatcher: agent } as unknown as RequestInit);
      world.network = { allowInsecureHttp: ["tokens.example"] };
      world.tokenEndpoint = `http://tokens.example:${new URL(world.issuerOrigin).port}/token`;
    },
    start: (world) => void failing.add(world),
    end: (world) => void failing.delete(world),
  };
}

authorizationFaults("Network", [
  {
    name: "the connection is refused",
    ...unreachable,
    async before(world) {
      gates.set(world, await startGate(world));
    },
    start: (world) => gateOf(world).refuse(),
    end: (world) => gateOf(world).open(),
  },
  {
    name: "the connection attempt is never answered",
    ...stalled,
    async before(world) {
      const listener = await deafListener(Number(new URL(world.issuerOrigin).port));
      world.onEnd(() => listener.close());
      listeners.set(world, listener);
      world.tokenEndpoint = `${listener.origin}/token`;
    },
    async start(world) {
      await listeners.get(world)?.goDeaf();
      holds.set(world, world.hold(world.tokenEndpoint));
    },
    async end(world) {
      await listeners.get(world)?.wake();
      holds.get(world)?.();
    },
  },
  dnsFault("DNS: the name does not exist (ENOTFOUND)", "ENOTFOUND"),
  dnsFault("DNS: the resolver cannot be reached (EAI_AGAIN)", "EAI_AGAIN"),
  connectionFault({ name: "the connection is reset as soon as it is open", ...unreachable }, reset),
  connectionFault(
    { name: "the connection is reset after the request, before the headers", ...unreachable },
    afterRequest(reset),
  ),
  connectionFault(
    { name: "the connection is reset in the middle of the headers", ...unreachable },
    answering(halfHeaders, reset),
  ),
  connectionFault(
    { name: "the connection is reset after the headers, before the body", ...unreachable },
    answering(headers, reset),
  ),
  connectionFault(
    { name: "the connection is reset in the middle of the body", ...unreachable },
    answering(halfBody, reset),
  ),
  connectionFault({ name: "the connection is closed as soon as it is open", ...unreachable }, hangUp),
  connectionFault(
    { name: "the connection is closed without a response", ...unreachable },
    afterRequest(hangUp),
  ),
  connectionFault(
    { name: "the connection is closed in the middle of the headers", ...unreachable },
    answering(halfHeaders, hangUp),
  ),
  connectionFault(
    { name: "the connection is closed in the middle of the body", ...unreachable },
    answering(halfBody, hangUp),
  ),
  connectionFault({ name: "the server stalls before it reads the request", ...stalled }, silence),
  connectionFault(
    { name: "the server stalls after the request, before the headers", ...stalled },
    afterRequest(stall),
  ),
  connectionFault(
    { name: "the server stalls in the middle of the headers", ...stalled },
    answering(halfHeaders, stall),
  ),
  connectionFault(
    { name: "the server stalls after the headers, before the body", ...stalled },
    answering(headers, stall),
  ),
  connectionFault(
    { name: "the server stalls in the middle of the body", ...stalled },
    answering(halfBody, stall),
  ),
  {
    name: "the body arrives at one byte every three seconds, for longer than the timeout",
    ...stalled,
    async before(world) {
      gates.set(world, await startGate(world));
    },
    start: (world) => gateOf(world).treat(sendSlowly(world)),
    end: (world) => gateOf(world).treat(undefined),
  },
  connectionFault(
    { name: "the server does not speak HTTP", ...unreachable },
    answering("SSH-2.0-OpenSSH_9.9\r\n", hangUp),
  ),
]);

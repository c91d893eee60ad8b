import { isIP } from "node:net";
import { Agent } from "undici";
import { type DeafListener, deafListener } from "./deaf-listener.js";
import { type AuthorizationFault, authorizationFaults } from "./fault.js";
import {
  afterRequest,
  answering,
  gateBefore,
  hangUp,
  reset,
  silence,
  stall,
  type Treatment,
} from "./gate.js";
import { gateOf, gates, onTheWay, stalled, unreachable } from "./gated-row.js";
import type { AuthorizationWorld } from "./world.js";

const statusLine = "HTTP/1.1 200 OK\r\n";
const halfHeaders = `${statusLine}content-type: applica`;
const headers = `${statusLine}content-type: application/json\r\ncontent-length: 200\r\n\r\n`;
const halfBody = `${headers}{"access_token":"`;

/** A byte every few seconds, for longer than anybody waits. */
function dripping(world: AuthorizationWorld): Treatment {
  return answering(headers, (socket) => {
    // Whoever waits on the world's clock does not see each byte come.
    world.stalled(new URL(world.tokenEndpoint).origin);
    let timer = world.clock.setTimeout(drip, 3_000);
    function drip(): void {
      socket.write(" ");
      timer = world.clock.setTimeout(drip, 3_000);
    }
    socket.on("close", () => timer.cancel());
  });
}

const listeners = new WeakMap<AuthorizationWorld, DeafListener>();
const holds = new WeakMap<AuthorizationWorld, () => void>();

/** Fails for the one name in question while it goes wrong. */
function unresolved(name: string, code: string): AuthorizationFault {
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
      // Node's own fetch takes the dispatchers of this undici, of which its types know another copy.
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
      gates.set(world, await gateBefore(world));
    },
    start: (world) => gateOf(world).refuse(),
    end: (world) => gateOf(world).open(),
  },
  {
    name: "the connection is never answered",
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
  unresolved("DNS: the name is not known (ENOTFOUND)", "ENOTFOUND"),
  unresolved("DNS: the resolver cannot be reached (EAI_AGAIN)", "EAI_AGAIN"),
  onTheWay({ name: "reset as soon as the connection is open", ...unreachable }, reset),
  onTheWay({ name: "reset after the request, before the headers", ...unreachable }, afterRequest(reset)),
  onTheWay({ name: "reset in the middle of the headers", ...unreachable }, answering(halfHeaders, reset)),
  onTheWay({ name: "reset after the headers, before the body", ...unreachable }, answering(headers, reset)),
  onTheWay({ name: "reset in the middle of the body", ...unreachable }, answering(halfBody, reset)),
  onTheWay({ name: "closed as soon as the connection is open", ...unreachable }, hangUp),
  onTheWay({ name: "closed without an answer", ...unreachable }, afterRequest(hangUp)),
  onTheWay({ name: "closed in the middle of the headers", ...unreachable }, answering(halfHeaders, hangUp)),
  onTheWay({ name: "closed in the middle of the body", ...unreachable }, answering(halfBody, hangUp)),
  onTheWay({ name: "stalled before the request was read", ...stalled }, silence),
  onTheWay({ name: "stalled after the request, before the headers", ...stalled }, afterRequest(stall)),
  onTheWay({ name: "stalled in the middle of the headers", ...stalled }, answering(halfHeaders, stall)),
  onTheWay({ name: "stalled after the headers, before the body", ...stalled }, answering(headers, stall)),
  onTheWay({ name: "stalled in the middle of the body", ...stalled }, answering(halfBody, stall)),
  {
    name: "the body comes a byte every three seconds, for longer than the timeout",
    ...stalled,
    async before(world) {
      gates.set(world, await gateBefore(world));
    },
    start: (world) => gateOf(world).treat(dripping(world)),
    end: (world) => gateOf(world).treat(undefined),
  },
  onTheWay(
    { name: "what answers does not speak HTTP", ...unreachable },
    answering("SSH-2.0-OpenSSH_9.9\r\n", hangUp),
  ),
]);

// Requests one token, and neither stops the runtime nor exits. Sends the token to its parent, and when the process is
// about to end by itself, the state of its connections to the given port.
import { subscribe } from "node:diagnostics_channel";
import { createMcpAuth } from "mcp-auth-runtime";

const port = Number(process.argv[2]);
const sockets = [];
subscribe("net.client.socket", ({ socket }) => {
  socket.once("connect", () => socket.remotePort === port && sockets.push(socket));
});
process.once("beforeExit", () =>
  process.send(sockets.map(({ destroyed }) => (destroyed ? "closed" : "open"))),
);

const auth = await createMcpAuth({ config: JSON.parse(process.env.FLEET_CONFIG) });
const [name] = auth.servers;
process.send(await auth.resolve(name).getAccessToken());
process.channel.unref();

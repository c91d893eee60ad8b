// Asks for one token, and has nothing more to do: it neither stops the runtime nor ends the process. Says what it has got, and
// what has become of its connections to the port that is named when it is about to end by itself.
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

// An HTTP server on loopback whose every response is 204, in a process of its own (register-cost.mjs forks it).
import { createServer } from "node:http";

const server = createServer((_request, response) => response.writeHead(204).end());
// A connection that is closed between two slices would be measured as a new one.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}`));
process.once("disconnect", () => process.exit(0));

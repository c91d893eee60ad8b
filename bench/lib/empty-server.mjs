// An HTTP server on loopback that always answers 204, in its own process (forked by register-cost.mjs).
import { createServer } from "node:http";

const server = createServer((_request, response) => response.writeHead(204).end());
// Otherwise a connection could close between two slices, and opening a new one would be measured.
server.keepAliveTimeout = 600_000;
server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}`));
process.once("disconnect", () => process.exit(0));

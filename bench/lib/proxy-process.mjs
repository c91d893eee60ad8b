// One proxy of the benchmark, in its own process: `bare`, a reverse proxy of thirty lines on undici, or `ours`.
import { createServer } from "node:http";
import { Agent, request } from "undici";

const [, , kind, upstream, issuer] = process.argv;

if (kind === "bare") {
  const dispatcher = new Agent({ headersTimeout: 0, bodyTimeout: 0 });
  const server = createServer(async (incoming, outgoing) => {
    const { host: _, connection: __, ...headers } = incoming.headers;
    const response = await request(upstream, {
      method: incoming.method,
      headers,
      body: incoming,
      dispatcher,
    });
    const { connection: ___, "keep-alive": ____, "transfer-encoding": _____, ...passed } = response.headers;
    outgoing.writeHead(response.statusCode, passed);
    response.body.pipe(outgoing);
  });
  server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}/`));
} else {
  const { createMcpAuth } = await import(new URL("../../dist/index.js", import.meta.url));
  const { startProxy } = await import(new URL("../../dist/proxy.js", import.meta.url));
  const client = { issuer, id: "bench", secret: { env: "BENCH_SECRET" } };
  const auth = await createMcpAuth({
    config: { servers: { bench: { url: upstream, resourceMetadata: false, grant: { client } } } },
    env: { BENCH_SECRET: "not-a-secret" },
  });
  process.send((await startProxy(auth)).url("bench"));
}
process.once("disconnect", () => process.exit(0));

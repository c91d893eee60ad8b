// A server that serves the status page with its policy, and states of servers that a test makes up: those of a night, texts
// of an attacker, or ten thousand servers. It answers as the proxy does.
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
const module = await readFile(join(root, "src/proxy/status/generated/page.ts"), "utf8");
const { html, contentSecurityPolicy } = await import(`data:text/javascript,${encodeURIComponent(module)}`);

/** The token of every stage. */
export const stageToken = "stage-operating-token-canary";

/**
 * @param {{ proxy: object, servers: readonly object[], port?: number, now?: number }} state `now`: the time that the page
 *   shows, in milliseconds since the epoch
 */
export async function startStage({ proxy, servers, port = 0, now = Date.now() }) {
  const requests = [];
  const streams = new Set();
  const server = createServer((request, response) => {
    requests.push({ method: request.method, url: request.url, headers: request.headers });
    if (request.url === "/-/status") {
      response.writeHead(200, {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": contentSecurityPolicy,
      });
      response.end(html);
      return;
    }
    if (request.headers.authorization !== `Bearer ${stageToken}`) {
      response
        .writeHead(403, { "content-type": "text/plain" })
        .end("This needs the operating token of the proxy.");
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    streams.add(response);
    response.once("close", () => streams.delete(response));
    write(response, "beat", { now, waiting: 0 });
    write(response, "proxy", proxy);
    for (let first = 0; first < servers.length; first += 250)
      write(response, "servers", { servers: servers.slice(first, first + 250), removed: [] });
    write(response, "complete", {});
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    ...{ origin, requests, url: `${origin}/-/status#${stageToken}` },
    send: (event, data) => {
      for (const stream of streams) write(stream, event, data);
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function write(response, event, data) {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

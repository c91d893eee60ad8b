// Loaded into the suite's process ahead of the suite: notes the requests that its servers receive, as they arrive, and
// writes them to the file of `?to=` in the end. The suite itself records no headers, and nothing of what reaches its
// identity provider. What is written holds credentials: the reader removes it.
import { subscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";

const to = new URL(import.meta.url).searchParams.get("to");
const exchanges = [];

subscribe("http.server.request.start", ({ request, response }) => {
  const chunks = [];
  // Whoever listened for the body would take it from the server.
  const { push } = request;
  request.push = (chunk, ...rest) => {
    if (chunk !== null) chunks.push(chunk);
    return push.call(request, chunk, ...rest);
  };
  exchanges.push({ request, response, chunks, at: Date.now() / 1_000 });
});

process.on("exit", () => writeFileSync(to, JSON.stringify(exchanges.map(written)), { mode: 0o600 }));

function written({ request, response, chunks, at }) {
  const { method, url, rawHeaders } = request;
  const headers = [];
  for (let index = 0; index < rawHeaders.length; index += 2)
    headers.push([rawHeaders[index].toLowerCase(), rawHeaders[index + 1]]);
  return {
    method,
    url: `http://${request.headers.host}${url}`,
    headers,
    body: Buffer.concat(chunks).toString(),
    at,
    answer: { status: response.statusCode, nonce: response.getHeader("dpop-nonce") },
  };
}

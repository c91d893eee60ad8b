// Loaded into the suite's process before the suite. Records the requests to its servers and writes them to the file in
// `?to=` at the end, because the suite records neither headers nor requests to its identity provider. The file contains
// credentials, so the reader must remove it.
import { subscribe } from "node:diagnostics_channel";
import { writeFileSync } from "node:fs";

const to = new URL(import.meta.url).searchParams.get("to");
const exchanges = [];

subscribe("http.server.request.start", ({ request, response }) => {
  const chunks = [];
  // Listening for the body would consume it before the server does.
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

// The servers behind the proxies of the benchmark, in their own process: an MCP server that answers at once, because
// only the way there and back is measured, and its authorization server.
import { createServer } from "node:http";

const answer = Buffer.from(
  JSON.stringify({ jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: "x".repeat(1_000) }] } }),
);
const json = (body) => ({ "content-type": "application/json", "content-length": body.length });

const server = createServer((request, response) => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  request.resume().once("end", () => {
    if (request.url === "/mcp") return response.writeHead(200, json(answer)).end(answer);
    const body = Buffer.from(
      JSON.stringify(
        request.url === "/token"
          ? { access_token: "token-of-the-benchmark", token_type: "Bearer", expires_in: 3600 }
          : { issuer: origin, token_endpoint: `${origin}/token` },
      ),
    );
    response.writeHead(200, json(body)).end(body);
  });
});
server.listen(0, "127.0.0.1", () => process.send(`http://127.0.0.1:${server.address().port}`));
process.once("disconnect", () => process.exit(0));

import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../../src/index.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";

test("starting many servers at once causes no process warning about a listener leak", async () => {
  const warnings: string[] = [];
  const note = ({ message }: Error) => void warnings.push(message);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  const server = await startHttpServer(({ url }, response) => {
    const { origin } = server;
    const issuer = /\/\.well-known\/oauth-authorization-server(\/as\/\d+)$/.exec(url)?.[1];
    if (url === "/token")
      return sendJson(response, { access_token: "t", token_type: "Bearer", expires_in: 60 });
    if (issuer === undefined) return sendJson(response, {}, 404);
    return sendJson(response, { issuer: `${origin}${issuer}`, token_endpoint: `${origin}/token` });
  });
  onTestFinished(() => server.close());
  const names = Array.from({ length: 40 }, (_, index) => `${index}`);
  const servers: McpAuthConfig["servers"] = Object.fromEntries(
    names.map((name) => {
      const client = { issuer: `${server.origin}/as/${name}`, id: "a", secret: { env: "S" } };
      return [name, { url: `${server.origin}/mcp/${name}`, grant: { client } }];
    }),
  );
  const auth = await createMcpAuth({ config: { servers }, env: { S: "s" } });
  expect(await auth.start()).toEqual([]);
  await auth.stop();
  expect(warnings).toEqual([]);
});

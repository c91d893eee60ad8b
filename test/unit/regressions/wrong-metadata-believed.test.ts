import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../../src/index.js";
import { fakeClock } from "../../support/fake-clock.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";
import { caught } from "./world.js";

// Metadata is cached for an hour. Unusable metadata is fetched again once the cool-down is over.
const correctable: readonly (readonly [string, string, object])[] = [
  ["that names another issuer", "issuer_mismatch", { issuer: "https://other.example" }],
  [
    "with a token endpoint that must not be used",
    "insecure_url",
    { token_endpoint: "http://auth.example/token" },
  ],
  [
    "that allows only another authentication method",
    "unsupported_by_server",
    { token_endpoint_auth_methods_supported: ["private_key_jwt"] },
  ],
];

test.each(correctable)("metadata %s is not kept longer than the cool-down", async (_what, code, wrong) => {
  let isWrong = true;
  const server = await startHttpServer(({ url }, response) => {
    const { origin } = server;
    if (url === "/token")
      return sendJson(response, { access_token: "t", token_type: "Bearer", expires_in: 60 });
    if (url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, 404);
    const good = { issuer: origin, token_endpoint: `${origin}/token` };
    return sendJson(response, isWrong ? { ...good, ...wrong } : good);
  });
  onTestFinished(() => server.close());
  const clock = fakeClock();
  const client = { issuer: server.origin, id: "a", secret: { env: "S" } };
  const config: McpAuthConfig<"crm"> = {
    servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } },
  };
  const auth = await createMcpAuth<"crm">({ config, env: { S: "s" }, clock });
  onTestFinished(() => auth.stop());
  const manager = auth.resolve("crm");
  expect(await caught(manager.getAccessToken())).toMatchObject({ code });
  isWrong = false;
  await clock.advance(1_000);
  expect(await manager.getAccessToken()).toBe("t");
});

import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type FetchFunction, type McpAuthConfig } from "../../src/index.js";
import { type HttpServer, sendJson, startHttpServer } from "../support/http-server.js";
import { startRedis } from "../support/redis-server.js";

/** Publishes the metadata of an authorization server and issues one token. */
async function authorizationServer(token: string): Promise<HttpServer> {
  const server = await startHttpServer(({ url }, response) => {
    const { origin } = server;
    if (url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
    }
    if (url !== "/token") return sendJson(response, {}, 404);
    return sendJson(response, { access_token: token, token_type: "Bearer", expires_in: 600 });
  });
  onTestFinished(() => server.close());
  return server;
}

test("a forged token endpoint that the fetch of one process returns gets the secret of no other process of the fleet", async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const [real, forger] = [await authorizationServer("good"), await authorizationServer("evil")];
  const client = { issuer: real.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url: `${real.origin}/mcp`, grant: { client } } },
    store: { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } },
  };
  const env = { SECRET: "canary", REDIS_URL: redis.url, KEY: randomBytes(32).toString("base64url") };
  const forging: FetchFunction = async (input, init) => {
    const isMetadata = String(input).endsWith("/.well-known/oauth-authorization-server");
    if (!isMetadata) return await fetch(input, init);
    return Response.json({ issuer: real.origin, token_endpoint: `${forger.origin}/token` });
  };
  const token = async (how: { readonly fetch?: FetchFunction }) => {
    const auth = await createMcpAuth<"tools">({ config, env, ...how });
    try {
      return await auth.resolve("tools").getAccessToken();
    } finally {
      await auth.stop();
    }
  };
  expect(await token({ fetch: forging })).toBe("evil");
  const asked = forger.requests.length;
  for (let each = 0; each < 3; each += 1) expect(await token({})).toBe("good");
  expect(forger.requests.length).toBe(asked);
  // The others are one client all the same.
  expect(real.requests.filter(({ url }) => url === "/token")).toHaveLength(1);
});

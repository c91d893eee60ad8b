import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type FetchFunction, type McpAuthConfig } from "../../src/index.js";
import { type HttpServer, sendJson, startHttpServer } from "../support/http-server.js";
import { startRedis } from "../support/redis-server.js";

/** Starts an authorization server that publishes its metadata and always issues this token. */
async function startAuthorizationServer(token: string): Promise<HttpServer> {
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

test("a forged token endpoint from the fetch of one process receives the secret of no other process of the fleet", async () => {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  const [real, forger] = [await startAuthorizationServer("good"), await startAuthorizationServer("evil")];
  const client = { issuer: real.origin, id: "agent", secret: { env: "SECRET" } };
  const config: McpAuthConfig<"tools"> = {
    servers: { tools: { url: `${real.origin}/mcp`, grant: { client } } },
    store: { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } },
  };
  const env = { SECRET: "canary", REDIS_URL: redis.url, KEY: randomBytes(32).toString("base64url") };
  const forgingFetch: FetchFunction = async (input, init) => {
    const isMetadata = String(input).endsWith("/.well-known/oauth-authorization-server");
    if (!isMetadata) return await fetch(input, init);
    return Response.json({ issuer: real.origin, token_endpoint: `${forger.origin}/token` });
  };
  const getToken = async (options: { readonly fetch?: FetchFunction }) => {
    const auth = await createMcpAuth<"tools">({ config, env, ...options });
    try {
      return await auth.resolve("tools").getAccessToken();
    } finally {
      await auth.stop();
    }
  };
  expect(await getToken({ fetch: forgingFetch })).toBe("evil");
  const before = forger.requests.length;
  for (let count = 0; count < 3; count += 1) expect(await getToken({})).toBe("good");
  expect(forger.requests.length).toBe(before);
  // The other processes still share one token request.
  expect(real.requests.filter(({ url }) => url === "/token")).toHaveLength(1);
});

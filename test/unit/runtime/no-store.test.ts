import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, discover, type FetchFunction, type McpAuthConfig } from "../../../src/index.js";
import { internalsOf } from "../../../src/runtime/manager-internals.js";
import { fakeClock } from "../../support/fake-clock.js";
import { type HttpServer, sendJson, startHttpServer } from "../../support/http-server.js";
import { sharedMemory } from "../../support/shared-memory.js";

/** An authorization server, the MCP server and the ID token service of a GitHub Actions job at one origin. */
async function servers(): Promise<HttpServer> {
  let issued = 0;
  const server = await startHttpServer(({ url }, response) => {
    const { origin } = server;
    const path = new URL(url, origin).pathname;
    if (path === "/.well-known/oauth-authorization-server") {
      const token_endpoint = `${origin}/token`;
      return sendJson(response, { issuer: origin, token_endpoint, revocation_endpoint: `${origin}/revoke` });
    }
    if (path === "/.well-known/oauth-protected-resource/mcp") {
      return sendJson(response, { resource: `${origin}/mcp`, authorization_servers: [origin] });
    }
    if (path === "/id-token") return sendJson(response, { value: "header.e30.signature" });
    if (path === "/token") {
      issued += 1;
      return sendJson(response, { access_token: `t${issued}`, token_type: "Bearer", expires_in: 60 });
    }
    return sendJson(response, {});
  });
  onTestFinished(() => server.close());
  return server;
}

/** A client that presents the identity of the job that it runs in. */
function settings({ origin }: HttpServer) {
  const client = { issuer: origin, id: "agent", assertion: { githubActions: {} } };
  const config: McpAuthConfig<"tools"> = { servers: { tools: { url: `${origin}/mcp`, grant: { client } } } };
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${origin}/id-token`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "of the job",
  };
  return { config, env };
}

/** Reads `cache`, which the types of Node do not have. */
function cacheMode(of: object | undefined): string | undefined {
  return of !== undefined && "cache" in of ? String(of.cache) : undefined;
}

test("every request of the package has the cache mode no-store", async () => {
  const server = await servers();
  const seen = new Map<string, string | undefined>();
  const recording: FetchFunction = async (input, init) => {
    const isRequest = input instanceof Request;
    const path = new URL(isRequest ? input.url : input).pathname;
    seen.set(`${isRequest ? "Request " : ""}${path}`, cacheMode(isRequest ? input : init));
    return await fetch(input, init);
  };
  const auth = await createMcpAuth({ ...settings(server), fetch: recording, store: sharedMemory().store() });
  onTestFinished(() => auth.stop());
  const tools = auth.resolve("tools");
  const ofCaller = { cache: "force-cache" };
  await tools.fetch(tools.url, { method: "POST", body: "{}", ...ofCaller });
  await tools.fetch(new Request(tools.url, { method: "POST", body: "{}", ...ofCaller }));
  await internalsOf(tools).store?.revoke(AbortSignal.timeout(60_000));
  const inRuntime = {
    "/.well-known/oauth-authorization-server": "no-store",
    "/.well-known/oauth-protected-resource/mcp": "no-store",
    "/id-token": "no-store",
    "/token": "no-store",
    "/mcp": "no-store",
    "Request /mcp": "no-store",
    "/revoke": "no-store",
  };
  expect(Object.fromEntries(seen)).toEqual(inRuntime);

  seen.clear();
  await discover(`${server.origin}/mcp`, { fetch: recording });
  expect([...seen.keys()]).toContain("/mcp");
  expect(new Set(seen.values())).toEqual(new Set(["no-store"]));
});

test("a fetch that caches responses to POST, as in Next.js, never causes an expired token to be returned", async () => {
  const server = await servers();
  // It outlives the runtime, like a folder on disk.
  const disk = new Map<string, string>();
  const caching: FetchFunction = async (input, init) => {
    if (cacheMode(init) === "no-store") return await fetch(input, init);
    const key = JSON.stringify([String(input), init?.method, init?.body]);
    const kept = disk.get(key);
    if (kept !== undefined) return new Response(kept, { headers: { "content-type": "application/json" } });
    const response = await fetch(input, init);
    const text = await response.text();
    disk.set(key, text);
    return new Response(text, response);
  };
  const clock = fakeClock();
  const tokens: string[] = [];
  for (let start = 0; start < 2; start += 1) {
    const auth = await createMcpAuth({ ...settings(server), fetch: caching, clock });
    tokens.push(await auth.resolve("tools").getAccessToken());
    await auth.stop();
    await clock.advance(3_600_000);
  }
  expect(tokens).toEqual(["t1", "t2"]);
});

import type { IncomingMessage } from "node:http";
import { expect, test } from "vitest";
import { ProxyState } from "../../src/proxy/state.js";
import { agentSecret, startWorld } from "./harness.js";
import { ask, open, post, startProxied } from "./proxied.js";

/** Starts a proxy for a server that works and one with a wrong secret, and returns its operating token. */
async function start() {
  const world = await startWorld();
  const { issuer } = world.issuer;
  const server = (name: string) => ({
    url: world.mcp.url,
    grant: { client: { issuer, id: "agent", secret: { env: name } } },
  });
  const config = { servers: { tools: server("SECRET"), wrong: server("WRONG") } };
  const proxied = await startProxied({ config, env: { SECRET: agentSecret, WRONG: "not-the-secret" } });
  const token = (await new ProxyState(process.cwd(), proxied.env).findToken("operating")) ?? "";
  const events = async (authorization = `Bearer ${token}`): Promise<IncomingMessage> => {
    const { request, response } = open(`${proxied.origin}/-/status/events`, { headers: { authorization } });
    request.end();
    return await response;
  };
  return { world, proxied, token, events };
}

/** Reads a stream until its text matches. */
async function textUntil(response: IncomingMessage, pattern: RegExp): Promise<string> {
  let text = "";
  for await (const chunk of response.iterator({ destroyOnReturn: false })) {
    text += String(chunk);
    if (pattern.test(text)) return text;
  }
  throw new Error(`The stream ended without ${pattern}: ${text}`);
}

test("the stream tells what happens to the servers, without a secret, to those who have the operating token", async () => {
  const { proxied, token, events } = await start();
  const { origin, localToken, urlOf } = proxied;
  for (const authorization of ["", `Bearer ${localToken}`, `Bearer ${token}x`])
    expect((await events(authorization)).statusCode).toBe(403);
  expect((await ask(`${origin}/-/status/events?token=${token}`)).status).toBe(403);

  const stream = await events();
  expect(stream.headers).toMatchObject({ "content-type": "text/event-stream", "cache-control": "no-store" });
  const first = await textUntil(stream, /event: complete\n/);
  expect(first).toContain('{"server":"tools","state":"none"}');
  const message = { jsonrpc: "2.0", id: 1, method: "ping" };
  await post(urlOf("wrong"), message);
  await post(urlOf("tools"), message);
  const text = await textUntil(stream, /"state":"fresh"[\s\S]*"cooldown"|"cooldown"[\s\S]*"state":"fresh"/);
  expect(text).toContain('"code":"token_request_rejected","oauthError":"invalid_client"');
  expect(text).toContain('"renewalCount":1');
  for (const secret of [token, localToken, agentSecret, "not-the-secret"])
    expect(first + text).not.toContain(secret);

  const closed = new Promise((resolve) => stream.once("close", resolve));
  stream.on("error", () => {}).resume();
  await proxied.stop();
  await closed;
});

test("a browser opens the page of a running proxy, but no page of another site, and no other path", async () => {
  const { proxied } = await start();
  const navigation = { accept: "text/html", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  const opened = async (path: string, headers: object = {}): Promise<number> => {
    const all = { ...navigation, "sec-fetch-site": "none", ...headers };
    return (await ask(`${proxied.origin}${path}`, { headers: all })).status;
  };
  expect(await opened("/-/status")).toBe(200);
  expect(await opened("/-/status", { "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await opened("/-/status", { "sec-fetch-dest": "iframe" })).toBe(403);
  expect(await opened("/-/status", { host: "evil.example" })).toBe(403);
  for (const path of ["/-/status/events", "/-/metrics", `/${proxied.localToken}/tools`])
    expect(await opened(path)).toBe(403);
});

test("a refused token that could not be replaced has rejectedAt in the status", async () => {
  const { world, proxied, token } = await start();
  const status = async () => {
    const { text } = await ask(`${proxied.origin}/-/status`, {
      headers: { authorization: `Bearer ${token}` },
    });
    return JSON.parse(text).servers[0];
  };
  const message = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  await post(proxied.url, message);
  expect(await status()).not.toHaveProperty("rejectedAt");
  world.mcp.revoke(world.issuer.issued.at(-1)?.jti ?? "");
  await world.issuer.close();
  await post(proxied.url, message);
  expect(await status()).toMatchObject({ server: "tools", state: "fresh", rejectedAt: expect.any(Number) });
});

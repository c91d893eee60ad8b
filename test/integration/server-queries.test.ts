// Servers with the same path and different queries, over real HTTP.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { createTestRuntime, sendToken, startScriptedIssuer, startScriptedServer } from "./harness.js";

test("two servers that differ only in their queries get their own tokens", async () => {
  const issuer = await startScriptedIssuer((request, response) => {
    const [, resource] = /resource=[^&]*tenant%3D(\w+)/.exec(request.body) ?? [];
    sendToken(response, `token-of-${resource}`);
  });
  const { grant } = issuer.config.servers.tools;
  const at = (tenant: string) => ({ url: `${issuer.url}?tenant=${tenant}`, grant });
  const config = { servers: { alice: at("alice"), bob: at("bob") } };
  const auth = await createTestRuntime({ config, env: issuer.env });
  for (const tenant of ["bob", "alice"]) {
    const token = await auth.resolveUrl(`${issuer.url}?tenant=${tenant}`)?.getAccessToken();
    expect(token).toBe(`token-of-${tenant}`);
  }
});

test("a challenge for another query of the same path does not change the server's metadata URL", async () => {
  const requestedUrls: string[] = [];
  const refused = new Set<string>();
  let issued = 0;
  const issuer = await startScriptedIssuer((_request, response) => {
    issued += 1;
    sendToken(response, `t${issued}`);
  });
  const server = await startScriptedServer((request, response) => {
    const { origin } = server;
    if (request.url.startsWith("/.well-known/")) {
      requestedUrls.push(request.url);
      return sendJson(response, {}, 404);
    }
    if (refused.has(request.url)) return sendJson(response, {});
    refused.add(request.url);
    const challenge = `Bearer resource_metadata="${origin}/.well-known/named-by${request.url.slice(1)}"`;
    return sendJson(response, {}, 401, { "www-authenticate": challenge });
  });
  const url = `${server.origin}/mcp?tenant=alice`;
  const { grant } = issuer.config.servers.tools;
  const auth = await createTestRuntime({ config: { servers: { alice: { url, grant } } }, env: issuer.env });
  const alice = auth.resolve("alice");
  expect((await alice.fetch(`${server.origin}/mcp?tenant=bob`)).status).toBe(200);
  expect(requestedUrls.filter((each) => each.includes("named-by"))).toEqual([]);
  expect((await alice.fetch(url)).status).toBe(200);
  expect(requestedUrls).toContain("/.well-known/named-bymcp?tenant=alice");
});

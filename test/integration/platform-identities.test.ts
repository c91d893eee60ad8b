// Tokens of a platform, from the service that issues them to the request that has them.
import { describe, expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { startConnectProxy } from "../unit/net/connect-proxy.js";
import { unsignedJwt } from "../unit/oauth/fixtures.js";
import { createTestRuntime, sendToken, startScriptedIssuer, startScriptedServer } from "./harness.js";

const audience = "https://auth.example";
const assertion = { gcp: { audience } };

/** Starts a metadata server of Google Cloud that issues another token each time. */
async function startMetadataServer(answer: Handler = issue) {
  let count = 0;
  const tokens: string[] = [];
  const server = await startScriptedServer((request, response) => {
    response.setHeader("metadata-flavor", "Google");
    if (answer !== issue) return answer(request, response);
    count += 1;
    const now = Math.floor(Date.now() / 1_000);
    const token = unsignedJwt({ aud: audience, sub: "1234", iat: now, exp: now + 3_600, jti: `${count}` });
    tokens.push(token);
    response.end(token);
  });
  return { server, tokens, env: { GCE_METADATA_HOST: new URL(server.origin).host } };
}

const issue: Handler = () => {};

/** Creates a manager whose grant is built from parts. */
async function managerWith(
  url: string,
  server: object,
  env: Readonly<Record<string, string>>,
  more: object = {},
) {
  const servers = { tools: { url, ...server } } as object as McpAuthConfig<"tools">["servers"];
  const defaults = { retry: { attempts: 2, min: "1ms", max: "2ms" } };
  const auth = await createTestRuntime<"tools">({ config: { defaults, servers, ...more }, env });
  return auth.resolve("tools");
}

describe("a token of the platform", () => {
  test("is the assertion of a grant, of a client, and the subject of a token exchange", async () => {
    const metadata = await startMetadataServer();
    const issuer = await startScriptedIssuer((_, response) =>
      sendJson(response, {
        access_token: "t",
        token_type: "Bearer",
        expires_in: 600,
        issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      }),
    );
    const client = { issuer: issuer.server.origin, id: "agent" };
    const grants = {
      assertion: { type: "jwt_bearer", client: { issuer: client.issuer }, assertion },
      client_assertion: { client: { ...client, assertion } },
      subject_token: { type: "token_exchange", client, subject: { token: assertion, type: "jwt" } },
    };
    for (const [field, grant] of Object.entries(grants)) {
      const manager = await managerWith(issuer.url, { grant }, metadata.env);
      expect(await manager.getAccessToken()).toBe("t");
      const form = new URLSearchParams(issuer.tokenRequests().at(-1)?.body);
      expect([field, form.get(field)]).toEqual([field, metadata.tokens.at(-1)]);
    }
    expect(metadata.tokens).toHaveLength(3);
  });

  test("is itself sent as a static token and as a header", async () => {
    const metadata = await startMetadataServer();
    const mcp = await startScriptedServer((_, response) => sendJson(response, {}));
    const manager = await managerWith(
      `${mcp.origin}/mcp`,
      { grant: { type: "static", token: assertion }, headers: { "x-machine": assertion } },
      metadata.env,
    );
    await manager.fetch(manager.url);
    await manager.fetch(manager.url);
    const sent = mcp.requests.map(({ headers }) => [headers.authorization, headers["x-machine"]]);
    const bearer = `Bearer ${metadata.tokens.find((token) => String(sent[0]?.[0]).endsWith(token))}`;
    expect(sent.map(([authorization]) => authorization)).toEqual([bearer, bearer]);
    // A header is read for each request.
    expect(new Set(sent.map(([, header]) => header)).size).toBe(2);
    expect(metadata.tokens).toHaveLength(3);
  });

  test("is read once for a hundred concurrent calls, and again for the next token request", async () => {
    const metadata = await startMetadataServer();
    const issuer = await startScriptedIssuer((_, response) => sendToken(response, "t"));
    const grant = { type: "jwt_bearer", client: { issuer: issuer.server.origin }, assertion };
    const manager = await managerWith(issuer.url, { grant }, metadata.env);
    await Promise.all(Array.from({ length: 100 }, () => manager.getAccessToken()));
    expect([metadata.tokens.length, issuer.tokenRequests().length]).toEqual([1, 1]);
    await manager.getAccessToken({ forceRefresh: true });
    expect([metadata.tokens.length, issuer.tokenRequests().length]).toEqual([2, 2]);
    const sent = issuer.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(sent).toEqual(metadata.tokens);
  });

  test("is not read again after the authorization server refused it", async () => {
    const metadata = await startMetadataServer();
    const issuer = await startScriptedIssuer((_, response) =>
      sendJson(response, { error: "invalid_grant" }, 400),
    );
    const grant = { type: "jwt_bearer", client: { issuer: issuer.server.origin }, assertion };
    const manager = await managerWith(issuer.url, { grant }, metadata.env);
    const error = await rejectionOf(manager.getAccessToken());
    expect([error.code, error.oauthError]).toEqual(["token_request_rejected", "invalid_grant"]);
    expect([metadata.tokens.length, issuer.tokenRequests().length]).toEqual([1, 1]);
  });

  test("is requested again after a temporary failure of the service", async () => {
    let failures = 1;
    const token = unsignedJwt({ aud: audience });
    const metadata = await startMetadataServer((_, response) => {
      failures -= 1;
      if (failures >= 0) return sendJson(response, {}, 503);
      return void response.end(token);
    });
    const issuer = await startScriptedIssuer((_, response) => sendToken(response, "t"));
    const grant = { type: "jwt_bearer", client: { issuer: issuer.server.origin }, assertion };
    const manager = await managerWith(issuer.url, { grant }, metadata.env);
    expect(await manager.getAccessToken()).toBe("t");
    expect([metadata.server.requests.length, issuer.tokenRequests().length]).toEqual([2, 1]);
  });

  test.each([
    ["the config", (origin: string) => [{ network: { proxy: origin } }, {}] as const],
    ["the environment", (origin: string) => [{}, { HTTP_PROXY: origin, HTTPS_PROXY: origin }] as const],
  ])("is not requested through the proxy of %s, which would see it", async (_, settings) => {
    await using proxy = await startConnectProxy();
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const grant = { type: "jwt_bearer", client: { issuer: issuer.server.origin }, assertion };
    const [config, env] = settings(proxy.origin);
    const manager = await managerWith(issuer.url, { grant }, env, config);
    // This name exists only on Google Cloud, and the proxy would resolve it.
    const error = await rejectionOf(manager.getAccessToken());
    expect(error.message).toMatch(
      /^Server "tools": could not read the secret from the identity of this machine in Google Cloud: its metadata server \(metadata\.google\.internal\) could not be reached \((ENOTFOUND|EAI_AGAIN)\)\. It exists only on Google Cloud/,
    );
    expect(proxy.targets).toEqual([]);
    expect(issuer.tokenRequests()).toEqual([]);
  });
});

import { decodeJwt } from "jose";
import { expect, test } from "vitest";
import type { ClientSpec } from "../../../src/config/spec.js";
import { Secret } from "../../../src/lib/secret.js";
import { ServerClocks } from "../../../src/net/server-clocks.js";
import type { OAuthRuntime } from "../../../src/oauth/attempt.js";
import { revokeToken } from "../../../src/oauth/revoke-token.js";
import { clockLearningFetch } from "../../support/clock-learning-fetch.js";
import { type Handler, type HttpServer, startHttpServer } from "../../support/http-server.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { clock, now, oauthRuntime, secretClient, serverSpec, signal } from "./fixtures.js";

/** Starts an authorization server with this revocation endpoint. */
async function revoking(revocation: Handler): Promise<HttpServer> {
  const server = await startHttpServer((request, response) => {
    if (request.url === "/revoke") return revocation(request, response);
    const { origin: issuer } = server;
    const endpoints = { token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` };
    response.setHeader("content-type", "application/json");
    return void response.end(JSON.stringify({ issuer, ...endpoints }));
  });
  return server;
}

const revocations = ({ requests }: HttpServer) => requests.filter(({ url }) => url === "/revoke");

function revoke({ origin }: HttpServer, client: ClientSpec, more: Partial<OAuthRuntime>) {
  const spec = serverSpec(origin, { type: "client_credentials", client });
  const token = { token: new Secret("token-to-revoke"), hint: "access_token" } as const;
  return revokeToken(spec, client, token, oauthRuntime(more), signal());
}

test.each([401, 403])("a client secret refused with %i is read again and sent once more", async (status) => {
  const env = { CRM_SECRET: "canary-old" };
  await using server = await revoking((_, response) => {
    const isFirst = env.CRM_SECRET === "canary-old";
    env.CRM_SECRET = "canary-new";
    response.writeHead(isFirst ? status : 200).end();
  });
  expect(await revoke(server, secretClient(server.origin), { env })).toBe("revoked");
  const basic = (secret: string) => `Basic ${btoa(`crm-agent:${secret}`)}`;
  expect(revocations(server).map(({ headers }) => headers.authorization)).toEqual([
    basic("canary-old"),
    basic("canary-new"),
  ]);
});

test("a refused client secret that has not changed is not sent again", async () => {
  await using server = await revoking((_, response) => void response.writeHead(401).end());
  const error = await rejectionOf(revoke(server, secretClient(server.origin), {}));
  expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
  expect(revocations(server)).toHaveLength(1);
});

test("an assertion refused by a server with another clock is signed once more, with the time of that server", async () => {
  const ahead = 90_000;
  await using server = await revoking((_, response) => {
    response.setHeader("date", new Date(now + ahead).toUTCString());
    response.writeHead(401).end();
  });
  const serverClocks = new ServerClocks(clock);
  const client = secretClient(server.origin, { method: "client_secret_jwt" });
  // The other responses have no `Date`, so they do not show the clock.
  const silent: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    return init?.method === "POST"
      ? response
      : new Response(await response.text(), { headers: { "content-type": "application/json" } });
  };
  const env = { CRM_SECRET: "canary-secret-that-is-long-enough-to-sign" };
  await rejectionOf(
    revoke(server, client, { env, serverClocks, fetch: clockLearningFetch(serverClocks, silent) }),
  );
  const issued = revocations(server).map(
    ({ body }) => decodeJwt(new URLSearchParams(body).get("client_assertion") ?? "").iat,
  );
  const second = Math.floor(now / 1_000) - 5;
  expect(issued).toEqual([second, second + ahead / 1_000]);
});

test("a refusal with a body of more than 1 MiB is judged by its status", async () => {
  await using server = await revoking((_, response) => {
    response.writeHead(503).end("x".repeat(1_048_577));
  });
  const error = await rejectionOf(revoke(server, secretClient(server.origin), {}));
  expect(error).toMatchObject({ code: "unavailable", retryable: true });
});

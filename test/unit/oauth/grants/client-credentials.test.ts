import { describe, expect, it } from "vitest";
import type { Clock } from "../../../../src/lib/clock.js";
import { sendJson, startHttpServer } from "../../../support/http-server.js";
import {
  clientCredentialsGrant,
  clock,
  failureOf,
  grantFor,
  now,
  secretClient,
  serverSpec,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";

const good = { access_token: "granted", token_type: "Bearer", expires_in: 3600 };

describe("a client credentials request", () => {
  it("has exactly these bytes", async () => {
    await using server = await startAuthorizationServer((_, response) => sendJson(response, good));
    const grant = clientCredentialsGrant(server.origin, undefined, {}, ["invoices:read", "crm"]);
    const token = await grant({ signal: signal() });

    const [request] = server.tokenRequests();
    expect(request?.method).toBe("POST");
    expect(request?.url).toBe("/token");
    expect(request?.body).toBe(
      "grant_type=client_credentials&scope=invoices%3Aread+crm" +
        `&resource=http%3A%2F%2F127.0.0.1%3A${new URL(server.origin).port}%2Fmcp`,
    );
    const { connection: _, host, "content-length": length, ...headers } = request?.headers ?? {};
    expect(host).toBe(new URL(server.origin).host);
    expect(length).toBe(String(request?.body.length));
    expect(headers).toMatchObject({
      accept: "application/json",
      authorization: `Basic ${Buffer.from("crm-agent:canary-5ecret").toString("base64")}`,
      "content-type": "application/x-www-form-urlencoded;charset=UTF-8",
      "user-agent": "mcp-auth-runtime",
    });
    expect(token).toEqual({
      accessToken: "granted",
      tokenType: "Bearer",
      expiresIn: 3600,
      requestedAt: now,
      scopes: ["invoices:read", "crm"],
      issuer: server.origin,
      resource: `${server.origin}/mcp`,
    });
  });

  /** Starts a resource server with metadata, and an authorization server on another origin. */
  async function withResourceMetadata(issuer: string, metadata: (origin: string) => object) {
    const server = await startHttpServer((request, response) => {
      if (request.url !== "/.well-known/oauth-protected-resource/mcp")
        return void response.writeHead(404).end();
      sendJson(response, { authorization_servers: [issuer], ...metadata(server.origin) });
    });
    return server;
  }

  it("sends the resource of the metadata byte for byte", async () => {
    await using issuer = await startAuthorizationServer((_, response) => sendJson(response, good));
    // `new URL(…).href` would add a slash.
    await using server = await withResourceMetadata(issuer.origin, (origin) => ({ resource: origin }));
    const spec = serverSpec(server.origin, {
      type: "client_credentials",
      client: secretClient(issuer.origin),
    });
    const token = await grantFor(spec)({ signal: signal() });
    expect(new URLSearchParams(issuer.tokenRequests()[0]?.body).get("resource")).toBe(server.origin);
    expect(token.resource).toBe(server.origin);
  });

  it("has the scopes of the config, or else of the challenge, or else of the resource metadata", async () => {
    await using issuer = await startAuthorizationServer((_, response) => sendJson(response, good));
    await using server = await withResourceMetadata(issuer.origin, (origin) => ({
      resource: `${origin}/mcp`,
      scopes_supported: ["metadata"],
    }));
    const client = secretClient(issuer.origin);
    const plain = serverSpec(server.origin, { type: "client_credentials", client });
    const chosen = serverSpec(server.origin, { type: "client_credentials", client, scopes: ["config"] });
    const challenge = { scopes: ["challenge"] };
    const tokens = [
      await grantFor(chosen, { challenge })({ signal: signal() }),
      await grantFor(plain, { challenge })({ signal: signal() }),
      await grantFor(plain)({ signal: signal() }),
    ];
    const sent = issuer.tokenRequests().map(({ body }) => new URLSearchParams(body).get("scope"));
    expect(sent).toEqual(["config", "challenge", "metadata"]);
    expect(tokens.map(({ scopes }) => scopes)).toEqual([["config"], ["challenge"], ["metadata"]]);
  });

  it("has no scope if none is named, or if the config has an empty list", async () => {
    await using server = await startAuthorizationServer((_, response) => sendJson(response, good));
    await clientCredentialsGrant(server.origin)({ signal: signal() });
    await clientCredentialsGrant(server.origin, undefined, {}, [])({ signal: signal() });
    for (const { body } of server.tokenRequests()) expect(new URLSearchParams(body).has("scope")).toBe(false);
  });

  it("is sent even if the server does not list the grant type", async () => {
    await using server = await startAuthorizationServer((_, response) => sendJson(response, good), {
      grant_types_supported: ["authorization_code"],
    });
    expect((await clientCredentialsGrant(server.origin)({ signal: signal() })).accessToken).toBe("granted");
  });

  it("starts the lifetime of the token when it is sent, not before discovery", async () => {
    let time = now;
    const ticking: Clock = { ...clock, now: () => time };
    await using server = await startAuthorizationServer(
      (_, response) => {
        time += 1_000;
        sendJson(response, good);
      },
      () => {
        time += 500;
        return {};
      },
    );
    const token = await clientCredentialsGrant(server.origin, undefined, { clock: ticking })({
      signal: signal(),
    });
    expect(token.requestedAt).toBe(now + 500);
  });
});

describe("a client secret that is read for each attempt", () => {
  it("is secret_unavailable if it is missing, and nothing is sent", async () => {
    await using server = await startAuthorizationServer((_, response) => sendJson(response, good));
    const error = await failureOf(
      clientCredentialsGrant(server.origin, undefined, { env: {} })({ signal: signal() }),
    );
    expect(error.code).toBe("secret_unavailable");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("is used by the next attempt after a rotation", async () => {
    await using server = await startAuthorizationServer((request, response) => {
      const right =
        request.headers.authorization === `Basic ${Buffer.from("crm-agent:new").toString("base64")}`;
      sendJson(response, right ? good : { error: "invalid_client" }, right ? 200 : 401);
    });
    const env = { CRM_SECRET: "old" };
    const grant = clientCredentialsGrant(server.origin, undefined, { env });
    expect((await failureOf(grant({ signal: signal() }))).oauthError).toBe("invalid_client");
    env.CRM_SECRET = "new";
    expect((await grant({ signal: signal() })).accessToken).toBe("granted");
  });
});

describe("a token endpoint that is gone", () => {
  it.each([404, 405])("is found at its new URL within the attempt after %i", async (status) => {
    let path = "/old";
    await using server = await startAuthorizationServer(
      (request, response) => {
        if (request.url === "/new") return sendJson(response, good);
        path = "/new";
        response.writeHead(status).end();
      },
      () => ({ token_endpoint: `${server.origin}${path}` }),
    );
    const token = await clientCredentialsGrant(server.origin)({ signal: signal() });
    expect(token.accessToken).toBe("granted");
    expect(server.tokenRequests().map(({ url }) => url)).toEqual(["/old", "/new"]);
  });

  it("is an error if the metadata, read again, still names it", async () => {
    await using server = await startAuthorizationServer((_, response) => void response.writeHead(404).end());
    const error = await failureOf(clientCredentialsGrant(server.origin)({ signal: signal() }));
    expect(error).toMatchObject({ code: "token_request_rejected", retryable: false });
    expect(error.message).toContain("names a token endpoint that does not exist");
    expect(server.tokenRequests()).toHaveLength(1);
    const lookups = server.requests.filter(({ url }) => url === "/.well-known/oauth-authorization-server");
    expect(lookups).toHaveLength(2);
  });

  it("is tried only once at its new URL", async () => {
    let moves = 0;
    await using server = await startAuthorizationServer(
      (_, response) => {
        moves += 1;
        response.writeHead(404).end();
      },
      () => ({ token_endpoint: `${server.origin}/token-${moves}` }),
    );
    const error = await failureOf(clientCredentialsGrant(server.origin)({ signal: signal() }));
    expect(error.code).toBe("token_request_rejected");
    expect(server.tokenRequests().map(({ url }) => url)).toEqual(["/token-0", "/token-1"]);
  });
});

describe("an attempt without a response", () => {
  it("is aborted by its signal", async () => {
    await using server = await startAuthorizationServer(() => {});
    const controller = new AbortController();
    const attempt = clientCredentialsGrant(server.origin)({ signal: controller.signal });
    const failure = failureOf(attempt);
    await server.received(4);
    controller.abort();
    expect(await failure).toMatchObject({ code: "aborted", retryable: false });
  });

  it("ends with the timeout of the config", async () => {
    await using server = await startAuthorizationServer(() => {});
    const grant = { type: "client_credentials", client: secretClient(server.origin) } as const;
    const spec = serverSpec(server.origin, grant, { timeout: 50 });
    const error = await failureOf(grantFor(spec)({ signal: signal() }));
    expect(error).toMatchObject({ code: "timeout", retryable: true });
  });

  it("is unavailable and retryable when the connection breaks", async () => {
    await using server = await startAuthorizationServer((_, response) => void response.destroy());
    const error = await failureOf(clientCredentialsGrant(server.origin)({ signal: signal() }));
    expect(error).toMatchObject({ code: "unavailable", retryable: true });
  });
});

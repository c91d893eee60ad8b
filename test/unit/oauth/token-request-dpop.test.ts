import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, EmbeddedJWK, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { createDpop, type Dpop } from "../../../src/dpop/dpop.js";
import { Nonces } from "../../../src/dpop/nonces.js";
import { type Handler, type RecordedRequest, sendJson, startHttpServer } from "../../support/http-server.js";
import {
  type AuthorizationServer,
  clientCredentialsGrant,
  clock,
  failureOf,
  grantFor,
  now,
  secret,
  secretClient,
  serverSpec,
  signal,
  startAuthorizationServer,
  unsignedJwt,
} from "./fixtures.js";

const bound = { access_token: "canary-bound", token_type: "DPoP", expires_in: 60 };
const nonceWanted = { error: "use_dpop_nonce", error_description: "canary" };

/** Answers the requests in turn, and repeats the last answer. */
function inTurn(...answers: readonly Handler[]): Handler {
  let count = 0;
  return (request, response) => answers[Math.min(count++, answers.length - 1)]?.(request, response);
}

const json =
  (value: unknown, status = 200, headers: Record<string, string> = {}): Handler =>
  (_, response) =>
    sendJson(response, value, status, headers);

const asksForNonce = (nonce: string, status = 400) => json(nonceWanted, status, { "dpop-nonce": nonce });

const dpopGrant = (server: AuthorizationServer, dpop: Dpop = createDpop({ clock })) =>
  clientCredentialsGrant(server.origin, undefined, { dpop });

const proofOf = ({ headers }: Pick<RecordedRequest, "headers">) => String(headers["dpop"]);
const claimsOf = (request: RecordedRequest) => decodeJwt(proofOf(request));

describe("a token request with DPoP", () => {
  it("has a proof of the key that the token is bound to", async () => {
    await using server = await startAuthorizationServer(json(bound), () => ({
      token_endpoint: `${server.origin}/token?tenant=7`,
    }));
    const token = await dpopGrant(server)({ signal: signal() });
    const [request] = server.tokenRequests();
    if (request === undefined) throw new Error("expected a token request");
    const { payload, protectedHeader } = await jwtVerify(proofOf(request), EmbeddedJWK, {
      typ: "dpop+jwt",
      currentDate: new Date(now),
    });
    expect(payload).toEqual({
      htm: "POST",
      htu: `${server.origin}/token`,
      iat: Math.floor(now / 1_000) - 5,
      jti: expect.any(String),
    });
    const { jwk } = protectedHeader;
    if (jwk === undefined) throw new Error("expected a key");
    expect(token).toMatchObject({ accessToken: "canary-bound", tokenType: "DPoP", expiresIn: 60 });
    expect(token.binding?.dpopSigner?.thumbprint).toBe(await calculateJwkThumbprint(jwk));
    expect(token.binding).not.toHaveProperty("certificate");
  });

  it("is signed with an algorithm that the server lists", async () => {
    await using server = await startAuthorizationServer(json(bound), {
      dpop_signing_alg_values_supported: ["EdDSA"],
    });
    await dpopGrant(server)({ signal: signal() });
    const [header = ""] = String(server.tokenRequests()[0]?.headers["dpop"]).split(".");
    expect(JSON.parse(Buffer.from(header, "base64url").toString())).toMatchObject({ alg: "EdDSA" });
  });

  it("is signed with an algorithm that both servers list", async () => {
    await using server = await startAuthorizationServer(json(bound), {
      dpop_signing_alg_values_supported: ["ES256", "ES384"],
    });
    await using mcp = await startHttpServer((_, response) =>
      sendJson(response, {
        resource: mcp.origin,
        authorization_servers: [server.origin],
        dpop_signing_alg_values_supported: ["ES384"],
      }),
    );
    const grant = { type: "client_credentials", client: secretClient(server.origin) } as const;
    const spec = serverSpec(mcp.origin, grant);
    await grantFor(spec, { dpop: createDpop({ clock }) })({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(decodeProtectedHeader(proofOf(request ?? { headers: {} })).alg).toBe("ES384");
  });

  it("is not sent to a server that lists no algorithm of the key", async () => {
    await using server = await startAuthorizationServer(json(bound), {
      dpop_signing_alg_values_supported: ["canary"],
    });
    const error = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, "canary"]);
    expect(error.code).toBe("unsupported_by_server");
    expect(server.tokenRequests()).toEqual([]);
  });

  it.each([400, 401])("is repeated once with the nonce of a %i", async (status) => {
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    await using server = await startAuthorizationServer(inTurn(asksForNonce("n-1", status), json(bound)));
    const client = {
      issuer: server.origin,
      id: "agent",
      credential: { kind: "key", key: { privateKey: { env: "KEY" } } },
    } as const;
    const grant = clientCredentialsGrant(server.origin, client, {
      dpop: createDpop({ clock }),
      env: { KEY: key.export({ type: "pkcs8", format: "pem" }).toString() },
    });
    expect((await grant({ signal: signal() })).tokenType).toBe("DPoP");
    const requests = server.tokenRequests();
    expect(requests.map((request) => claimsOf(request)["nonce"])).toEqual([undefined, "n-1"]);
    expect(new Set(requests.map((request) => claimsOf(request).jti)).size).toBe(2);
    const assertions = requests.map(({ body }) =>
      decodeJwt(String(new URLSearchParams(body).get("client_assertion"))),
    );
    expect(new Set(assertions.map(({ jti }) => jti)).size).toBe(2);
  });

  it("has the latest nonce of the server, even if that came with a token", async () => {
    await using server = await startAuthorizationServer(
      inTurn(asksForNonce("n-1"), json(bound, 200, { "dpop-nonce": "n-2" }), json(bound)),
    );
    const grant = dpopGrant(server);
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    const nonces = server.tokenRequests().map((request) => claimsOf(request)["nonce"]);
    expect(nonces).toEqual([undefined, "n-1", "n-2", "n-2"]);
  });

  it("does not use a nonce of the MCP server", async () => {
    const nonces = new Nonces();
    await using server = await startAuthorizationServer(json(bound));
    nonces.note("resource", server.origin, new Headers({ "dpop-nonce": "canary" }));
    await dpopGrant(server, createDpop({ clock, nonces }))({ signal: signal() });
    expect(server.tokenRequests().map((request) => claimsOf(request)["nonce"])).toEqual([undefined]);
  });

  it.each([
    ["each time another", inTurn(asksForNonce("n-1"), asksForNonce("n-2"), asksForNonce("n-3")), 2],
    ["the same again", asksForNonce("n-1"), 2],
    ["none", json(nonceWanted, 400), 1],
    ["one that is none", json(nonceWanted, 400, { "dpop-nonce": 'a "nonce"' }), 1],
  ])("is not repeated further when the server sends %s", async (_, handler, requests) => {
    await using server = await startAuthorizationServer(handler);
    const error = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, "canary"]);
    expect(error).toMatchObject({
      code: "token_request_rejected",
      oauthError: "use_dpop_nonce",
      retryable: false,
    });
    expect(error.message).toContain(
      "requires a nonce in the DPoP proof, but does not accept the nonce that it sent",
    );
    expect(server.tokenRequests()).toHaveLength(requests);
  });

  it.each([
    ["another error", json({ error: "invalid_dpop_proof" }, 400, { "dpop-nonce": "n-1" })],
    ["another status", json(nonceWanted, 403, { "dpop-nonce": "n-1" })],
  ])("is not repeated after %s with a nonce", async (_, handler) => {
    await using server = await startAuthorizationServer(handler);
    const error = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, "canary"]);
    expect(error.code).toBe("token_request_rejected");
    expect(server.tokenRequests()).toHaveLength(1);
  });

  it("that is refused for its proof says what to check", async () => {
    await using server = await startAuthorizationServer(json({ error: "invalid_dpop_proof" }, 400));
    const { message } = await failureOf(dpopGrant(server)({ signal: signal() }));
    expect(message).toContain('Check the clock of this machine, and the server\'s "dpop" key.');
  });

  it("finds an endpoint that has moved, and sends the nonce that this endpoint requires", async () => {
    let path = "/old";
    const atNew = inTurn(asksForNonce("n-1"), json(bound));
    await using server = await startAuthorizationServer(
      (request, response) => {
        if (request.url === "/new") return atNew(request, response);
        path = "/new";
        response.writeHead(404).end();
      },
      () => ({ token_endpoint: `${server.origin}${path}` }),
    );
    await dpopGrant(server)({ signal: signal() });
    expect(server.tokenRequests().map((request) => [request.url, claimsOf(request)["nonce"]])).toEqual([
      ["/old", undefined],
      ["/new", undefined],
      ["/new", "n-1"],
    ]);
  });

  it("never shares a proof with a concurrent request", async () => {
    await using server = await startAuthorizationServer(json(bound, 200, { "dpop-nonce": "n-1" }));
    const grant = dpopGrant(server);
    await Promise.all(Array.from({ length: 20 }, () => grant({ signal: signal() })));
    expect(new Set(server.tokenRequests().map((request) => claimsOf(request).jti)).size).toBe(20);
  });
});

describe("the response to a request with DPoP", () => {
  it.each(["Bearer", "bearer"])("must not be a bearer token: %s", async (token_type) => {
    await using server = await startAuthorizationServer(json({ ...bound, token_type }));
    const error = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, "canary"]);
    expect(error).toMatchObject({ code: "token_response_invalid", retryable: false });
    expect(error.message).toContain('its "token_type" is Bearer, although the request had a DPoP proof');
  });

  it("must have a known token_type", async () => {
    await using server = await startAuthorizationServer(json({ ...bound, token_type: "canary" }));
    const { message } = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, "canary"]);
    expect(message).toContain('its "token_type" is not DPoP.');
  });

  it("must not be bound to another key", async () => {
    const access_token = unsignedJwt({ cnf: { jkt: "canary-thumbprint" } });
    await using server = await startAuthorizationServer(json({ ...bound, access_token }));
    const error = await failureOf(dpopGrant(server)({ signal: signal() }), [secret, access_token, "canary"]);
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain("bound to another key than the one in the DPoP proof");
  });

  it("may name our key in cnf", async () => {
    await using server = await startAuthorizationServer(async (request, response) => {
      const [header = ""] = proofOf(request).split(".");
      const { jwk } = JSON.parse(Buffer.from(header, "base64url").toString());
      const access_token = unsignedJwt({ cnf: { jkt: await calculateJwkThumbprint(jwk) } });
      sendJson(response, { ...bound, access_token });
    });
    expect((await dpopGrant(server)({ signal: signal() })).tokenType).toBe("DPoP");
  });
});

describe("a token request without DPoP", () => {
  it("has no proof, and is not repeated for a nonce", async () => {
    await using server = await startAuthorizationServer(asksForNonce("n-1"));
    const error = await failureOf(clientCredentialsGrant(server.origin)({ signal: signal() }));
    expect(error.message).toContain('requires a DPoP proof. Set "dpop" of this server to true.');
    expect(server.tokenRequests().map(({ headers }) => headers["dpop"])).toEqual([undefined]);
  });

  it("refuses a token that is bound to a key", async () => {
    const access_token = unsignedJwt({ cnf: { jkt: "canary" } });
    await using server = await startAuthorizationServer(json({ access_token, token_type: "Bearer" }));
    const error = await failureOf(clientCredentialsGrant(server.origin)({ signal: signal() }), [
      secret,
      access_token,
      "canary",
    ]);
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain("bound to a DPoP key, but the request had no DPoP proof");
  });
});

import { describe, expect, it } from "vitest";
import type { TokenExchangeSpec } from "../../../../src/config/spec.js";
import { createDpop } from "../../../../src/dpop/dpop.js";
import { McpAuthError } from "../../../../src/errors/error.js";
import { Secret } from "../../../../src/lib/secret.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import {
  clock,
  failureOf,
  fieldsOf,
  type GrantSettings,
  grantOf,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";

const grantType = "urn:ietf:params:oauth:grant-type:token-exchange";
const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const good = {
  access_token: "granted",
  issued_token_type: type("access_token"),
  token_type: "Bearer",
  expires_in: 60,
};
const env = { CRM_SECRET: "canary-5ecret", SUBJECT: "canary subject+token", ACTOR: "canary.actor" };
const canaries = Object.values(env);

const subject = { token: { env: "SUBJECT" }, type: type("access_token") };

function exchange(origin: string, more: Partial<TokenExchangeSpec> = {}, settings: GrantSettings = {}) {
  // A subject in `params` replaces the usual one.
  const common = more.params === undefined ? { subject } : {};
  const client = secretClient(origin);
  return grantOf(
    origin,
    { type: "token_exchange", client, resource: false, ...common, ...more },
    { env, ...settings },
  );
}

const answering =
  (answer: object, status = 200): Handler =>
  (_, response) =>
    sendJson(response, answer, status);

describe("a token exchange request", () => {
  it.each<[string, Partial<TokenExchangeSpec>, readonly (readonly [string, string])[]]>([
    ["with only a subject", {}, []],
    [
      "with an actor",
      { actor: { token: { env: "ACTOR" }, type: type("jwt") } },
      [
        ["actor_token", "canary.actor"],
        ["actor_token_type", type("jwt")],
      ],
    ],
    [
      "with a requested type, resource and audiences",
      { requestedType: type("jwt"), resource: "https://mcp.example", audience: ["one", "two"] },
      [
        ["requested_token_type", type("jwt")],
        ["resource", "https://mcp.example"],
        ["audience", "one"],
        ["audience", "two"],
      ],
    ],
  ])("%s has these fields", async (_, more, fields) => {
    await using server = await startAuthorizationServer(answering(good));
    const token = await exchange(server.origin, more)({ signal: signal() });
    expect(token).toMatchObject({ accessToken: "granted", tokenType: "Bearer", expiresIn: 60 });
    const [request] = server.tokenRequests();
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(fieldsOf(request)).toEqual([
      ["grant_type", grantType],
      ["subject_token", "canary subject+token"],
      ["subject_token_type", type("access_token")],
      ...fields,
    ]);
  });

  it("has exactly these bytes", async () => {
    await using server = await startAuthorizationServer(answering(good));
    await exchange(server.origin, { scopes: ["a", "b"] })({ signal: signal() });
    expect(server.tokenRequests()[0]?.body).toBe(
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&scope=a+b" +
        "&subject_token=canary+subject%2Btoken" +
        "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
    );
  });

  it("has the subject of `params`, with exactly these bytes, if the grant has no subject", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const params = { subject_token: { env: "SUBJECT" }, subject_token_type: type("jwt"), more: "x" };
    await exchange(server.origin, { params })({ signal: signal() });
    expect(server.tokenRequests()[0]?.body).toBe(
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange" +
        "&subject_token=canary+subject%2Btoken" +
        "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&more=x",
    );
  });

  it("names no client if the config has no client id", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const client = { issuer: server.origin, credential: { kind: "none" } } as const;
    await exchange(server.origin, { client })({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(request?.headers.authorization).toBeUndefined();
    expect(fieldsOf(request).map(([name]) => name)).toEqual([
      ...["grant_type", "subject_token", "subject_token_type"],
    ]);
  });

  it("has the tokens that the references hold at that time", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const changing = { ...env };
    const grant = exchange(server.origin, {}, { env: changing });
    await grant({ signal: signal() });
    changing.SUBJECT = "second";
    await grant({ signal: signal() });
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("subject_token"));
    expect(sent).toEqual(["canary subject+token", "second"]);
  });
});

describe("the subject token of a user that the host passes", () => {
  const subject = { token: { runtime: true }, type: type("id_token") } as const;

  it("is read for each request", async () => {
    await using server = await startAuthorizationServer(answering(good));
    let count = 0;
    const subjectToken = async () => new Secret(`user-token-${++count}`);
    const grant = exchange(server.origin, { subject }, { subjectToken });
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    const sent = server.tokenRequests().map((request) => fieldsOf(request).slice(1));
    expect(sent).toEqual([
      [
        ["subject_token", "user-token-1"],
        ["subject_token_type", type("id_token")],
      ],
      [
        ["subject_token", "user-token-2"],
        ["subject_token_type", type("id_token")],
      ],
    ]);
  });

  it("is secret_unavailable if the manager has no user, and nothing is sent", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const error = await failureOf(exchange(server.origin, { subject })({ signal: signal() }));
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false });
    expect(error.message).toContain("`manager.for({ key, subjectToken })`");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("that cannot be read shows nothing of the host's error", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const subjectToken = () => Promise.reject(new Error("canary"));
    const grant = exchange(server.origin, { subject }, { subjectToken });
    expect((await failureOf(grant({ signal: signal() }), ["canary"])).code).toBe("secret_unavailable");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("rejects with the host's error if that is a McpAuthError", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const own = new McpAuthError("secret_unavailable", "The user has gone.", { server: "crm" });
    const grant = exchange(server.origin, { subject }, { subjectToken: () => Promise.reject(own) });
    await expect(grant({ signal: signal() })).rejects.toBe(own);
  });

  it("is never used as the actor token", async () => {
    await using server = await startAuthorizationServer(answering(good));
    const subjectToken = async () => new Secret("canary-user");
    const grant = exchange(server.origin, { actor: subject }, { subjectToken });
    expect((await failureOf(grant({ signal: signal() }), ["canary"])).code).toBe("secret_unavailable");
    expect(server.tokenRequests()).toEqual([]);
  });
});

describe("the response to a token exchange", () => {
  it.each([
    ["access_token", undefined],
    ["jwt", undefined],
    ["id_token", type("id_token")],
    ["access_token", type("jwt")],
  ])("may have the issued_token_type %s when %s was requested", async (issued, requestedType) => {
    await using server = await startAuthorizationServer(
      answering({ ...good, issued_token_type: type(issued) }),
    );
    const more = requestedType === undefined ? {} : { requestedType };
    expect((await exchange(server.origin, more)({ signal: signal() })).accessToken).toBe("granted");
  });

  it.each([undefined, null])("may have no issued_token_type: %s", async (issued_token_type) => {
    await using server = await startAuthorizationServer(answering({ ...good, issued_token_type }));
    expect((await exchange(server.origin)({ signal: signal() })).accessToken).toBe("granted");
  });

  it.each([type("id_token"), type("refresh_token"), type("id-jag"), "canary", "", 7])(
    "must not have the issued_token_type %s",
    async (issued_token_type) => {
      await using server = await startAuthorizationServer(
        answering({ ...good, access_token: "canary-token", issued_token_type }),
      );
      const error = await failureOf(exchange(server.origin)({ signal: signal() }), [...canaries, "canary"]);
      expect(error).toMatchObject({ code: "token_response_invalid", retryable: false });
      expect(error.message).toContain('"requestedType"');
    },
  );

  // RFC 8693 §2.2.1: a server sends N_A for every token that is not an access token.
  it("may have the token_type N_A for a requested type, and the token is then a Bearer token", async () => {
    const issued_token_type = type("id_token");
    await using server = await startAuthorizationServer(
      answering({ ...good, issued_token_type, token_type: "n_a" }),
    );
    const token = await exchange(server.origin, { requestedType: type("id_token") })({ signal: signal() });
    expect(token).toMatchObject({ accessToken: "granted", tokenType: "Bearer" });
  });

  it.each<[string, object, Partial<TokenExchangeSpec>]>([
    ["an access token that the request did not name", {}, {}],
    ["a JWT that the request did not name", { issued_token_type: type("jwt") }, {}],
    ["another type than the requested one", {}, { requestedType: type("id_token") }],
    [
      "a response without issued_token_type",
      { issued_token_type: undefined },
      { requestedType: type("id_token") },
    ],
  ])("must not have the token_type N_A for %s", async (_, more, wanted) => {
    await using server = await startAuthorizationServer(answering({ ...good, ...more, token_type: "N_A" }));
    const error = await failureOf(exchange(server.origin, wanted)({ signal: signal() }), canaries);
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain('its "token_type" is N_A: it is not an access token.');
  });

  it("must not have the token_type N_A for a request with DPoP", async () => {
    const issued_token_type = type("id_token");
    await using server = await startAuthorizationServer(
      answering({ ...good, issued_token_type, token_type: "N_A" }),
    );
    const more = { requestedType: type("id_token") };
    const grant = exchange(server.origin, more, { dpop: createDpop({ clock }) });
    expect((await failureOf(grant({ signal: signal() }), canaries)).code).toBe("token_response_invalid");
  });

  it.each(["invalid_request", "invalid_grant"])(
    "%s gives advice about the presented tokens, and is not retried",
    async (code) => {
      await using server = await startAuthorizationServer(
        answering({ error: code, error_description: "canary" }, 400),
      );
      const error = await failureOf(exchange(server.origin)({ signal: signal() }), [...canaries, "canary"]);
      expect(error).toMatchObject({ code: "token_request_rejected", oauthError: code, retryable: false });
      expect(error.message).toContain('does not accept the "subject" of the grant.');
      expect(server.tokenRequests()).toHaveLength(1);
    },
  );

  it("invalid_request gives advice about `params` if they have the subject, and quotes no token", async () => {
    const error_description = `not ${env.SUBJECT}`;
    await using server = await startAuthorizationServer(
      answering({ error: "invalid_request", error_description }, 400),
    );
    const params = { subject_token: { env: "SUBJECT" }, subject_token_type: type("jwt") };
    const grant = exchange(server.origin, { params });
    const error = await failureOf(grant({ signal: signal() }), canaries);
    expect(error.message).toContain('does not accept the "params" of the grant.');
    expect(error.details?.["error_description"]).toBe("not <secret>");
  });

  it("invalid_client gives advice about the missing client id", async () => {
    await using server = await startAuthorizationServer(answering({ error: "invalid_client" }, 401));
    const client = { issuer: server.origin, credential: { kind: "none" } } as const;
    const error = await failureOf(exchange(server.origin, { client })({ signal: signal() }), canaries);
    expect(error.message).toContain('requires a client id. Give the client its "id"');
  });

  it("invalid_target gives advice about resource and audience", async () => {
    await using server = await startAuthorizationServer(answering({ error: "invalid_target" }, 400));
    const error = await failureOf(exchange(server.origin)({ signal: signal() }), canaries);
    expect(error.message).toContain('which "resource" or "audience" it knows, and set that in the grant');
  });
});

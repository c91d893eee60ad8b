import { decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { ClientSpec } from "../../../../src/config/spec.js";
import {
  clientCredentialsGrant,
  failureOf,
  now,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

const bytes = (length: number) => "canary-".padEnd(length, "s3cret");
const jwtOnly = (...algorithms: string[]) => ({
  token_endpoint_auth_methods_supported: ["client_secret_jwt"],
  ...(algorithms.length === 0 ? {} : { token_endpoint_auth_signing_alg_values_supported: algorithms }),
});

describe("client_secret_jwt", () => {
  it.each([
    ["HS256", 32],
    ["HS384", 48],
    ["HS512", 64],
  ])("signs with %s, and does not send the secret itself", async (alg, length) => {
    const value = bytes(length);
    const { request, form, origin } = await sentTokenRequest(
      secretClient,
      { CRM_SECRET: value },
      jwtOnly(alg),
    );
    expect([...form.keys()]).toEqual(["grant_type", "resource", "client_assertion_type", "client_assertion"]);
    expect(form.get("client_assertion_type")).toBe("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    expect(JSON.stringify(request)).not.toContain(value.slice(0, 12));
    const { payload, protectedHeader } = await jwtVerify(
      form.get("client_assertion") ?? "",
      new TextEncoder().encode(value),
      { algorithms: [alg], currentDate: new Date(now) },
    );
    expect(protectedHeader).toEqual({ alg, typ: "client-authentication+jwt" });
    const iat = Math.floor(now / 1_000) - 5;
    const { jti, ...claims } = payload;
    expect(claims).toEqual({ iss: "crm-agent", sub: "crm-agent", aud: origin, iat, exp: iat + 60 });
    expect(jti).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("signs with the UTF-8 of the secret", async () => {
    const value = "п".repeat(16);
    const { form } = await sentTokenRequest(secretClient, { CRM_SECRET: value }, jwtOnly());
    const verified = jwtVerify(form.get("client_assertion") ?? "", new TextEncoder().encode(value), {
      currentDate: new Date(now),
    });
    await expect(verified).resolves.toMatchObject({ protectedHeader: { alg: "HS256" } });
  });

  it.each([
    ["no list", [], 64, "HS256"],
    ["what is listed first is not preferred", ["HS512", "HS256"], 64, "HS256"],
    ["others among them", ["RS256", "ES256", "HS512"], 64, "HS512"],
  ] as const)("picks the algorithm from the metadata: %s", async (_, listed, length, alg) => {
    const { form } = await sentTokenRequest(secretClient, { CRM_SECRET: bytes(length) }, jwtOnly(...listed));
    expect(decodeProtectedHeader(form.get("client_assertion") ?? "").alg).toBe(alg);
  });

  it("has the audience, the lifetime and the typ of the config", async () => {
    const client = (issuer: string): ClientSpec =>
      secretClient(issuer, {
        assertionAudience: "token_endpoint",
        assertionLifetime: 120_000,
        assertionType: "JWT",
        method: "client_secret_jwt",
      });
    const { form, origin } = await sentTokenRequest(client, { CRM_SECRET: bytes(32) });
    const assertion = form.get("client_assertion") ?? "";
    const { payload, protectedHeader } = await jwtVerify(assertion, new TextEncoder().encode(bytes(32)), {
      currentDate: new Date(now),
    });
    expect([payload.aud, protectedHeader.typ]).toEqual([`${origin}/token`, "JWT"]);
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(120);
  });

  it.each([
    ["HS256", [], 31, "at least 32 bytes"],
    ["HS512", ["HS512"], 63, "at least 64 bytes"],
    ["any that is listed", ["HS512", "HS384"], 47, "at least 48 bytes"],
  ])("refuses a secret that is too short for %s, and sends nothing", async (_, listed, length, said) => {
    await using server = await startAuthorizationServer(issue, jwtOnly(...listed));
    const env = { CRM_SECRET: bytes(length) };
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env });
    const error = await failureOf(grant({ signal: signal() }), [bytes(length), "canary-"]);
    expect(error).toMatchObject({ code: "key_invalid", retryable: false });
    expect(error.message).toContain(said);
    expect(error.message).toContain('"CRM_SECRET"');
    expect(server.tokenRequests()).toEqual([]);
  });

  it("refuses a server that lists no such algorithm before the secret is read", async () => {
    await using server = await startAuthorizationServer(issue, jwtOnly("RS256", "obey-me"));
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env: {} });
    const error = await failureOf(grant({ signal: signal() }), ["obey-me"]);
    expect(error.code).toBe("unsupported_by_server");
    expect(error.message).toContain("(HS256, HS384, HS512). It lists RS256, names that are not registered.");
    expect(server.tokenRequests()).toEqual([]);
  });
});

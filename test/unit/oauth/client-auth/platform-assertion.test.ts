import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ClientSpec, SecretReference } from "../../../../src/config/spec.js";
import { sendJson } from "../../../support/http-server.js";
import { clientCredentialsGrant, failureOf, now, signal, startAuthorizationServer } from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
/** Returns a token like those that a platform issues. The tests do not verify its signature. */
const platformToken = (claims: object = {}) =>
  [
    part({ alg: "RS256", kid: "cluster" }),
    part({ sub: "system:serviceaccount:ns:canary", ...claims }),
    "c2lnbmVk",
  ].join(".");
const seconds = Math.floor(now / 1_000);

const client =
  (assertion: SecretReference = { env: "TOKEN" }) =>
  (issuer: string): ClientSpec => ({
    issuer,
    id: "billing-agent",
    credential: { kind: "assertion", assertion },
  });

describe("a platform assertion", () => {
  it("is sent unchanged, with the id of the client", async () => {
    const token = platformToken({ exp: seconds + 1 });
    const { request, form } = await sentTokenRequest(client(), { TOKEN: `${token}\n` });
    expect(request.headers.authorization).toBeUndefined();
    expect([...form.keys()]).toEqual([
      "grant_type",
      "resource",
      "client_id",
      "client_assertion_type",
      "client_assertion",
    ]);
    expect(form.get("client_id")).toBe("billing-agent");
    expect(form.get("client_assertion_type")).toBe("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    expect(form.get("client_assertion")).toBe(token);
  });

  it("is sent with the client_assertion_type of the config", async () => {
    const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
    const spiffe = (issuer: string): ClientSpec => ({ ...client()(issuer), assertionType });
    const { form } = await sentTokenRequest(spiffe, { TOKEN: platformToken() });
    expect(form.get("client_assertion_type")).toBe(assertionType);
  });

  it("is read again for each request", async () => {
    await using server = await startAuthorizationServer(issue);
    const folder = await mkdtemp(join(tmpdir(), "platform-"));
    const file = join(folder, "token");
    const grant = clientCredentialsGrant(server.origin, client({ file })(server.origin));
    const tokens = [platformToken({ jti: "one" }), platformToken({ jti: "two" })];
    for (const token of tokens) {
      await writeFile(file, token);
      await grant({ signal: signal() });
    }
    await rm(folder, { recursive: true });
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("client_assertion"));
    expect(sent).toEqual(tokens);
  });

  it("without an exp is sent", async () => {
    const token = platformToken();
    const { form } = await sentTokenRequest(client(), { TOKEN: token });
    expect(form.get("client_assertion")).toBe(token);
  });

  it.each([
    ["a client secret", "canary-5ecret"],
    ["two parts", "canary-a.canary-b"],
    ["four parts", `${platformToken()}.canary`],
    ["an encrypted JWT of five parts", "canary.b.c.d.e"],
    ["three parts that are no JSON", "canary.canary.canary"],
    ["claims that are a list", `${part({ alg: "RS256" })}.${part(["canary"])}.c2ln`],
    ["a JSON document around it", JSON.stringify({ token: platformToken() })],
    ["a line break in it", platformToken().replace(".", ".\n")],
    ["no signature", `${part({ alg: "none" })}.${part({ sub: "canary" })}.`],
  ])("that is %s is not sent", async (_, value) => {
    await using server = await startAuthorizationServer(issue);
    const grant = clientCredentialsGrant(server.origin, client()(server.origin), { env: { TOKEN: value } });
    const error = await failureOf(grant({ signal: signal() }), ["canary", value]);
    expect(error).toMatchObject({ code: "secret_unavailable", retryable: false });
    expect(error.message).toContain('the environment variable "TOKEN": it is not a JWT');
    expect(error.message).toContain('"pointer"');
    expect(server.tokenRequests()).toEqual([]);
  });

  it.each([[seconds - 3_600], [seconds - 0.5], [seconds]])("that expired at %d is not sent", async (exp) => {
    await using server = await startAuthorizationServer(issue);
    const env = { TOKEN: platformToken({ exp }) };
    const grant = clientCredentialsGrant(server.origin, client()(server.origin), { env });
    const error = await failureOf(grant({ signal: signal() }), [env.TOKEN, "canary"]);
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toContain('its "exp" is in the past');
    expect(server.tokenRequests()).toEqual([]);
  });

  it("is not read for a server that does not support it", async () => {
    await using server = await startAuthorizationServer(issue, {
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    });
    const grant = clientCredentialsGrant(server.origin, client()(server.origin), { env: {} });
    expect(await failureOf(grant({ signal: signal() }))).toMatchObject({ code: "unsupported_by_server" });
    expect(server.tokenRequests()).toEqual([]);
  });

  it("that the server refuses is not shown in the error", async () => {
    const token = platformToken();
    await using server = await startAuthorizationServer((_, response) =>
      sendJson(response, { error: "invalid_client", error_description: token }, 401),
    );
    const grant = clientCredentialsGrant(server.origin, client()(server.origin), { env: { TOKEN: token } });
    const error = await failureOf(grant({ signal: signal() }), [token, token.slice(0, 40)]);
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_client" });
  });
});

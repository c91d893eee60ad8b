import { describe, expect, it } from "vitest";
import type { ClientSpec, CredentialSpec } from "../../../../src/config/spec.js";
import { chooseMethod } from "../../../../src/oauth/client-auth/choose-method.js";
import {
  clientCredentialsGrant,
  failureOf,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

const reference = { env: "CREDENTIAL" };
const credentials: Readonly<Record<CredentialSpec["kind"], CredentialSpec>> = {
  secret: { kind: "secret", secret: reference },
  key: { kind: "key", key: { privateKey: reference } },
  assertion: { kind: "assertion", assertion: reference },
  certificate: { kind: "certificate", certificate: { cert: reference, key: reference } },
  none: { kind: "none" },
};
const issuer = "https://auth.example";

describe("the chosen method for a credential", () => {
  const everything = [
    "none",
    "self_signed_tls_client_auth",
    "tls_client_auth",
    "private_key_jwt",
    "client_secret_jwt",
  ];
  it.each([
    ["secret", undefined, "client_secret_basic"],
    ["secret", ["client_secret_jwt", "client_secret_post", "client_secret_basic"], "client_secret_basic"],
    ["secret", ["client_secret_jwt", "client_secret_post"], "client_secret_post"],
    ["secret", ["private_key_jwt", "client_secret_jwt"], "client_secret_jwt"],
    ["key", undefined, "private_key_jwt"],
    ["key", everything, "private_key_jwt"],
    ["assertion", undefined, "private_key_jwt"],
    ["assertion", everything, "private_key_jwt"],
    ["certificate", undefined, "tls_client_auth"],
    ["certificate", everything, "tls_client_auth"],
    ["certificate", ["private_key_jwt", "self_signed_tls_client_auth"], "self_signed_tls_client_auth"],
    ["none", undefined, "none"],
    ["none", everything, "none"],
  ] as const)("of the kind %s, at a server that lists %j, is %s", (kind, listed, method) => {
    const metadata = listed === undefined ? {} : { token_endpoint_auth_methods_supported: listed };
    const client = { issuer, credential: credentials[kind] };
    expect(chooseMethod(client, metadata, { server: "crm", warned: new Set() })).toBe(method);
  });

  it.each([
    [
      "secret",
      ["private_key_jwt"],
      "does not accept client_secret_basic, client_secret_post or client_secret_jwt; it lists private_key_jwt. Use a credential",
    ],
    [
      "key",
      ["client_secret_basic", "client_secret_jwt"],
      "private_key_jwt; it lists client_secret_basic, client_secret_jwt.",
    ],
    ["assertion", ["none"], "private_key_jwt; it lists none."],
    [
      "certificate",
      ["private_key_jwt"],
      "tls_client_auth or self_signed_tls_client_auth; it lists private_key_jwt.",
    ],
    [
      "none",
      ["client_secret_post"],
      "does not accept a client without a credential; it lists client_secret_post. Give the client a credential",
    ],
  ] as const)("of the kind %s does not exist at a server that lists only %j", (kind, listed, said) => {
    const client = { issuer, credential: credentials[kind] };
    const metadata = { token_endpoint_auth_methods_supported: listed };
    const choose = () => chooseMethod(client, metadata, { server: "crm", warned: new Set() });
    expect(choose).toThrow(
      expect.objectContaining({ code: "unsupported_by_server", message: expect.stringContaining(said) }),
    );
  });
});

describe("a client authentication method of the config", () => {
  it("is used with a warning when the server lists others", async () => {
    const client = (origin: string): ClientSpec => secretClient(origin, { method: "client_secret_post" });
    const metadata = { token_endpoint_auth_methods_supported: ["private_key_jwt"] };
    const { form, warnings } = await sentTokenRequest(client, { CRM_SECRET: "s3cret" }, metadata);
    expect(form.get("client_secret")).toBe("s3cret");
    expect(warnings).toEqual(["unsupported_by_server"]);
  });

  it.each([[undefined], [["client_secret_post", "client_secret_basic"]]])(
    "is used without a warning when the server lists %j",
    async (listed) => {
      const client = (origin: string): ClientSpec => secretClient(origin, { method: "client_secret_post" });
      const metadata = listed === undefined ? {} : { token_endpoint_auth_methods_supported: listed };
      const { request, warnings } = await sentTokenRequest(client, { CRM_SECRET: "s3cret" }, metadata);
      expect(request.headers.authorization).toBeUndefined();
      expect(warnings).toEqual([]);
    },
  );
});

describe("a server without a method for the credential", () => {
  it.each([
    [["private_key_jwt", "tls_client_auth"], "it lists private_key_jwt, tls_client_auth."],
    [["obey-me", "none"], "it lists none, names that are not registered."],
    [[], "it lists nothing."],
  ])("is refused before the secret is read or anything is sent if it lists %j", async (listed, shown) => {
    await using server = await startAuthorizationServer(issue, {
      token_endpoint_auth_methods_supported: listed,
    });
    // The secret is missing in the environment, so reading it would be another error.
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env: {} });
    const error = await failureOf(grant({ signal: signal() }), ["obey-me"]);
    expect(error).toMatchObject({ code: "unsupported_by_server", retryable: false });
    expect(error.message).toContain(shown);
    expect(server.tokenRequests()).toEqual([]);
  });
});

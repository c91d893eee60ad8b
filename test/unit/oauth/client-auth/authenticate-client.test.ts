import { describe, expect, it } from "vitest";
import {
  clientCredentialsGrant,
  failureOf,
  secretClient,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue, requestOf } from "../request-of.js";

describe("a client without a credential", () => {
  it("sends its id in the body", async () => {
    const { request, form } = await requestOf((issuer) => ({
      issuer,
      id: "public",
      credential: { kind: "none" },
    }));
    expect(request.headers.authorization).toBeUndefined();
    expect([...form.keys()]).toEqual(["grant_type", "resource", "client_id"]);
    expect(form.get("client_id")).toBe("public");
  });
});

describe("a method of the config that does not go with the credential", () => {
  it("is config_invalid and sends nothing", async () => {
    await using server = await startAuthorizationServer(issue);
    for (const client of [
      secretClient(server.origin, { method: "private_key_jwt" }),
      secretClient(server.origin, { method: "client_secret_post", credential: { kind: "none" } }),
      secretClient(server.origin, { method: "client_secret_jwt", credential: { kind: "none" } }),
      secretClient(server.origin, { method: "tls_client_auth" }),
      secretClient(server.origin, { method: "self_signed_tls_client_auth" }),
    ]) {
      const grant = clientCredentialsGrant(server.origin, client);
      expect(await failureOf(grant({ signal: signal() }))).toMatchObject({ code: "config_invalid" });
    }
    expect(server.tokenRequests()).toEqual([]);
  });
});

import { describe, expect, it } from "vitest";
import { secretClient } from "../fixtures.js";
import { sentTokenRequest } from "../sent-token-request.js";

describe("client_secret_post", () => {
  it("is used when a server lists only that", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
    const { request, origin } = await sentTokenRequest(secretClient, { CRM_SECRET: "p:a%s+s wö" }, metadata);
    expect(request.headers.authorization).toBeUndefined();
    expect(request.body).toBe(
      `grant_type=client_credentials&resource=${encodeURIComponent(`${origin}/mcp`)}` +
        "&client_id=crm-agent&client_secret=p%3Aa%25s%2Bs+w%C3%B6",
    );
  });

  it("is used if the config names it, even if the server does not list it", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["private_key_jwt"] };
    const client = (issuer: string) => secretClient(issuer, { method: "client_secret_post" });
    const { form } = await sentTokenRequest(client, { CRM_SECRET: "s3cret" }, metadata);
    expect(form.get("client_secret")).toBe("s3cret");
  });
});

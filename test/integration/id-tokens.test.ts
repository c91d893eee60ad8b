// `"use": "id_token"`: the MCP server gets the ID token of the token response, as Google Cloud Run and IAP expect.
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { oauthProvider } from "../../src/hosts/mcp-sdk.js";
import type { McpAuthConfig, TokenEvent } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { jwt } from "./canaries-stage.js";
import { createTestManager, createTestRuntime, recordEvents, startScriptedIssuer } from "./harness.js";

const audience = "https://crm.run.example";

/** Starts an issuer that issues only ID tokens, for the audience in the signed assertion, as Google does. */
async function startGoogle(accepts = true) {
  const issued: string[] = [];
  const issuer = await startScriptedIssuer(
    (request, response) => {
      const assertion = new URLSearchParams(request.body).get("assertion") ?? "";
      const claims = JSON.parse(Buffer.from(assertion.split(".")[1] ?? "", "base64url").toString());
      const id_token = jwt("https://accounts.example", { aud: claims["target_audience"] });
      issued.push(id_token);
      sendJson(response, { id_token });
    },
    (request, response) => {
      const isIssued = request.headers.authorization === `Bearer ${issued.at(-1)}`;
      sendJson(response, {}, accepts && isIssued ? 200 : 401);
    },
  );
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const env = { KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
  const grant = {
    type: "jwt_bearer",
    client: { issuer: issuer.server.origin },
    assertion: {
      ...{ key: { privateKey: { env: "KEY" } }, issuer: "agent@project.iam.example" },
      ...{ subject: "agent@project.iam.example", audience: "token_endpoint" },
      claims: { target_audience: audience },
    },
    use: "id_token",
  } as const;
  const config: McpAuthConfig<"tools"> = { servers: { tools: { url: issuer.url, grant } } };
  return { ...issuer, config, env, issued };
}

describe("ID tokens", () => {
  test("an ID token for the target_audience of a signed assertion is sent to the MCP server, and kept", async () => {
    const google = await startGoogle();
    const { manager, auth } = await createTestManager(google);
    const heard = recordEvents(auth);
    for (const _ of [1, 2]) expect((await manager.fetch(google.url)).status).toBe(200);
    const token = await manager.getToken();
    expect([token.accessToken, token.tokenType]).toEqual([google.issued[0], "Bearer"]);
    expect(google.issued).toHaveLength(1);
    // The lifetime in the token is known, so there is no warning.
    expect(heard.map(({ event }) => event)).toEqual(["token:renewed"]);
    const lifetime = token.expiresAt - Date.now();
    expect(lifetime).toBeGreaterThan(3_500_000);
    expect(lifetime).toBeLessThanOrEqual(3_600_000);
  });

  test("the advice for a refused ID token does not name its audience as the cause if the config has that", async () => {
    const google = await startGoogle(false);
    const { manager, auth } = await createTestManager(google);
    const explained = new Promise<TokenEvent>((resolve) => void auth.on("token:warning", resolve));
    for (const _ of [1, 2]) await manager.fetch(google.url);
    const { message } = await explained;
    expect(message).toContain(`audience ${audience}`);
    expect(message).not.toContain('"aud" is neither');
  });

  test("an ID token of another audience is refused, and the error shows only the audience of the config", async () => {
    const other = jwt("https://accounts.example", { aud: "https://other.example" });
    const issuer = await startScriptedIssuer((_request, response) => sendJson(response, { id_token: other }));
    const client = { issuer: issuer.server.origin, id: "agent", secret: { env: "SECRET" } };
    const grant = { client, audience, use: "id_token" } as const;
    const config: McpAuthConfig<"tools"> = { servers: { tools: { url: issuer.url, grant } } };
    const { manager } = await createTestManager({ ...issuer, config });
    const error = await rejectionOf(manager.getAccessToken());
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain(`its "id_token" is not for "${audience}".`);
    expect(error.message).not.toContain("other.example");
    expect(error.details).toMatchObject({ aud: "https://other.example" });
    expect(JSON.stringify([error, error.stack])).not.toContain(other);
  });

  test("a host that requests tokens itself cannot use ID tokens", async () => {
    const client = { issuer: "https://auth.example", id: "agent", secret: { env: "S" } };
    const server = { url: "https://crm.example/mcp", grant: { client, use: "id_token" } } as const;
    const auth = await createTestRuntime({ config: { servers: { crm: server } }, env: { S: "s" } });
    expect(() => oauthProvider(auth.resolve("crm"))).toThrow("only for the grant client_credentials");
  });
});

describe("spellings of Bearer", () => {
  test("another spelling of Bearer causes one warning for each manager, whatever scopes are requested", async () => {
    const issuer = await startScriptedIssuer((_request, response) =>
      sendJson(response, { access_token: "t1", token_type: "BearerToken", expires_in: 3_600 }),
    );
    const { manager, auth } = await createTestManager(issuer);
    const heard = recordEvents(auth);
    expect(await manager.getAccessToken()).toBe("t1");
    await manager.getAccessToken({ forceRefresh: true });
    await manager.getAccessToken({ scopes: ["a"] });
    const warnings = heard.filter(({ event }) => event === "token:warning");
    expect(warnings).toMatchObject([
      {
        code: "token_response_invalid",
        message: expect.stringContaining('"BearerToken" instead of "Bearer"'),
      },
    ]);
  });
});

// RFC 6749 §3.3: an authorization server may issue a token with fewer scopes than were requested, without an error.
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { type Field, field } from "./field.js";

/** Starts an authorization server that grants this scope, for a client that requests `scopes`. */
async function granting(scope: string, scopes: readonly string[]): Promise<Field> {
  return await field({
    token: (_request, response) =>
      sendJson(response, { access_token: "granted", token_type: "Bearer", expires_in: 600, scope }),
    mcp: () => (request, response) =>
      sendJson(response, {}, request.url === "/mcp" ? 401 : 404, {
        "www-authenticate": 'Bearer error="invalid_token"',
      }),
    config: ({ issuer }) => ({
      grant: { client: { issuer, id: "agent", secret: { env: "S" } }, scopes: [...scopes] },
    }),
  });
}

test("scopes of the config that the authorization server leaves out are reported once, by name", async () => {
  const { manager, warnings, issuer } = await granting("read", ["read", "write", "admin"]);
  await manager.getAccessToken();
  await manager.getAccessToken({ forceRefresh: true });
  expect(warnings.map(({ code, message }) => [code, message])).toEqual([
    [
      "insufficient_scope",
      `Server "tools": ${issuer} issued a token without the scopes write admin of the config. Allow this client to ` +
        "request them there, or remove them from the config.",
    ],
  ]);
});

test("a server that refuses a token without a scope of the config is explained with that scope", async () => {
  const { call, warnings, issuer } = await granting("read", ["read", "write"]);
  expect(await call()).toBe(401);
  const explained = warnings.find(({ code }) => code === "unauthorized");
  expect(explained?.message).toContain(
    `${issuer} issued a token without the scope write of the config. Allow this client to request it there`,
  );
});

test.each([
  ["all scopes, in another order", "write read", ["read", "write"]],
  ["other scopes in place of /.default", "tools.read", ["api://tools/.default"]],
  ["none of those that ask for other tokens", "read", ["read", "openid", "offline_access"]],
])("%s are not reported", async (_, scope, scopes) => {
  const { manager, warnings } = await granting(scope, scopes);
  await manager.getAccessToken();
  expect(warnings).toEqual([]);
});

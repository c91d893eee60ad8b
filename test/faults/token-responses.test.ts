// Token responses with status 200: group Token responses. For the lifetime of tokens, see token-times.test.ts.
import { expect } from "vitest";
import { answered, body, grantedToken } from "./bad-answers.js";
import { type AuthorizationFault, authorizationFaults, faults } from "./fault.js";
import { answerWith, tokenRequests, unusable, usable } from "./token-answers.js";
import type { AuthorizationWorld } from "./world.js";

const invalid = { sees: "token_response_invalid", requests: 1 } as const;

/** The scopes `a` and `b` are requested, because the MCP server lists them, and the response has this `scope`. */
function granting(name: string, scope: unknown, expected: readonly string[]): AuthorizationFault {
  const change = { scope };
  return usable(name, change, {
    before({ mcp, issuer }) {
      mcp.answer("resource-metadata", (_request, response) => {
        const listed = {
          resource: `${mcp.origin}/mcp`,
          authorization_servers: [issuer.origin],
          scopes_supported: ["a", "b"],
        };
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(listed));
      });
    },
    async check(world) {
      const manager = await world.manager();
      const { scopes } = await world.until(manager.getToken());
      expect(scopes).toEqual(expected);
      // The granted scopes do not change the requested ones.
      const requested = tokenRequests(world).map((request) => request.get("scope"));
      expect(new Set(requested)).toEqual(new Set(["a b"]));
    },
  });
}

/** Checks that each token request used the client's own credential. */
function expectClientCredentials(world: AuthorizationWorld): void {
  const requests = tokenRequests(world);
  expect(requests.length).toBeGreaterThan(0);
  for (const request of requests) {
    expect(request.get("grant_type")).toBe("client_credentials");
    expect(request.has("refresh_token")).toBe(false);
    expect(String(request)).not.toContain(world.canary);
  }
}

authorizationFaults("Token responses", [
  unusable("no `access_token`", { access_token: undefined }),
  unusable("`access_token` is null", { access_token: null }),
  unusable("`access_token` is a number", { access_token: 12_345 }),
  unusable("`access_token` is true", { access_token: true }),
  unusable("`access_token` is an object", ({ canary }) => ({ access_token: { value: canary } })),
  unusable("`access_token` is a list", ({ canary }) => ({ access_token: [canary] })),
  unusable("`access_token` is empty", { access_token: "" }),
  unusable("`access_token` has a line break", ({ canary }) => ({
    access_token: `${canary}\r\nx-injected: 1`,
  })),
  unusable("`access_token` ends in a line break", ({ canary }) => ({ access_token: `${canary}\n` })),
  unusable("`access_token` has a space", ({ canary }) => ({ access_token: `${canary} more` })),
  unusable("`access_token` has a NUL", ({ canary }) => ({ access_token: `${canary}\u0000` })),
  unusable("`access_token` has characters beyond ASCII", ({ canary }) => ({ access_token: `${canary}é` })),
  unusable("no `token_type`", { token_type: undefined }),
  unusable("`token_type` is null", { token_type: null }),
  unusable("`token_type` is a number", { token_type: 1 }),
  unusable("`token_type` is unknown (`mac`)", { token_type: "mac" }),
  unusable("`token_type` is `N_A`, which means that it is not an access token", { token_type: "N_A" }),
  unusable("`token_type` is `DPoP`, which was not requested", { token_type: "DPoP" }),
  usable("`token_type` in lowercase", { token_type: "bearer" }),
  usable("`token_type` in uppercase", { token_type: "BEARER" }),

  granting("fewer scopes than requested", "a", ["a"]),
  granting("more scopes than requested", "a b admin", ["a", "b", "admin"]),
  granting("`scope` is empty", "", []),
  granting("`scope` is a list, which is ignored", ["a"], ["a", "b"]),
  granting("`scope` is null, which is ignored", null, ["a", "b"]),

  usable("an additional `id_token`", ({ canary }) => ({ id_token: `e30.${canary}.c2ln` })),
  usable("a `refresh_token`, which is ignored", ({ canary }) => ({ refresh_token: canary }), {
    check: expectClientCredentials,
  }),
  usable("unknown members", ({ canary }) => ({ [canary]: canary, deep: { er: [canary] } })),
  usable("members named like properties of JavaScript objects", ({ canary }) => ({
    // In brackets, `__proto__` is an ordinary member.
    ["__proto__"]: { access_token: canary, expires_in: 1 },
    constructor: canary,
    toString: canary,
  })),
  usable("an `error` in addition to a valid token", ({ canary }) => ({
    error: "invalid_client",
    error_description: canary,
  })),
  answered(
    { name: "a correct token response in a JSON list", ...invalid },
    body((world) => `[${grantedToken(world)}]`),
  ),
  answered(
    { name: "a correct token response in a JSON string", ...invalid },
    body((world) => JSON.stringify(grantedToken(world))),
  ),
]);

faults("Token responses", [
  {
    name: "`access_token` of 100 kB",
    sees: "a token",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const long = `${world.issue()}${"x".repeat(100_000)}`;
      answerWith(world, () => ({ access_token: long }));
      const manager = await world.manager();
      expect(await world.until(manager.getAccessToken())).toBe(long);
      expect(await manager.getAccessToken()).toBe(long);
      expect(world.issuer.calls).toBe(1);
    },
  },
]);

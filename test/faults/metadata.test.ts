import { expect } from "vitest";
import type { Handler } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { type AuthorizationFault, authorizationFaults, type Fault, faults } from "./fault.js";
import type { AnsweredPath, AuthorizationWorld, FaultWorld } from "./world.js";

type Members = Readonly<Record<string, unknown>>;
type Row = Pick<AuthorizationFault, "sees" | "requests"> & Partial<AuthorizationFault>;

const failed = { sees: "discovery_failed", requests: 1 } as const;
const mismatched = { sees: "issuer_mismatch", requests: 1 } as const;
const insecure = { sees: "insecure_url", requests: 1 } as const;
const unsupported = { sees: "unsupported_by_server", requests: 1 } as const;
const otherResource = { sees: "resource_mismatch", requests: 1 } as const;
const well = { sees: "a token", requests: 1 } as const;

/** No credential went anywhere. */
function nothingSent(world: AuthorizationWorld): void {
  const during = world.exchanges.filter(({ url }) => url.endsWith("/token"));
  // Once all is well again there is one.
  expect(during.length).toBeLessThanOrEqual(1);
}

/** Metadata is asked for once an hour: a caller with a token has nothing to do with it. */
function answered(
  name: string,
  row: Row,
  path: AnsweredPath,
  handler: (world: AuthorizationWorld) => Handler,
): AuthorizationFault {
  return {
    name,
    warm: false,
    counted: path,
    ...(row.sees !== "a token" && { check: nothingSent }),
    ...row,
    start: (world) => (path === "metadata" ? world.issuer : world.mcp).answer(path, handler(world)),
  };
}

/** What the authorization server says of itself, but for these members; `undefined` leaves one out. */
function issuer(
  name: string,
  row: Row,
  change: Members | ((world: AuthorizationWorld) => Members),
): AuthorizationFault {
  return answered(name, row, "metadata", (world) => (_request, response) => {
    const good = { issuer: world.issuer.origin, token_endpoint: world.tokenEndpoint };
    sendJson(response, { ...good, ...(typeof change === "function" ? change(world) : change) });
  });
}

/** The same of the MCP server. */
function resource(
  name: string,
  row: Row,
  change: Members | ((world: AuthorizationWorld) => Members),
): AuthorizationFault {
  return answered(name, row, "resource-metadata", (world) => (_request, response) => {
    const good = { resource: `${world.mcp.origin}/mcp`, authorization_servers: [world.issuer.origin] };
    sendJson(response, { ...good, ...(typeof change === "function" ? change(world) : change) });
  });
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): ((world: AuthorizationWorld) => Handler) =>
  () =>
  (_request, response) =>
    void response.writeHead(code, headers).end();
const text =
  (
    make: (world: AuthorizationWorld) => string,
    type = "application/json",
  ): ((world: AuthorizationWorld) => Handler) =>
  (world) =>
  (_request, response) =>
    void response.writeHead(200, { "content-type": type }).end(make(world));
const moved =
  (code: number): ((world: AuthorizationWorld) => Handler) =>
  ({ mcp, issuer }) =>
  (request, response) =>
    void response
      .writeHead(code, { location: `${request.url.includes("loop") ? issuer.origin : mcp.origin}/loop` })
      .end();

const metadata = (name: string, row: Row, handler: (world: AuthorizationWorld) => Handler) =>
  answered(name, row, "metadata", handler);
const resourceMetadata = (name: string, row: Row, handler: (world: AuthorizationWorld) => Handler) =>
  answered(name, row, "resource-metadata", handler);

authorizationFaults("Metadata", [
  metadata("authorization server: 404 wherever it is looked for", { ...failed, requests: 2 }, status(404)),
  metadata("authorization server: 500", { sees: "unavailable", requests: 4 }, status(500)),
  metadata("authorization server: 429", { sees: "unavailable", requests: 4 }, status(429)),
  metadata(
    "authorization server: 200, empty",
    failed,
    text(() => ""),
  ),
  metadata(
    "authorization server: a page of HTML",
    failed,
    text(({ canary }) => `<p>${canary}`, "text/html"),
  ),
  metadata(
    "authorization server: JSON that is cut off",
    failed,
    text(({ canary }) => `{"issuer":"${canary}`),
  ),
  metadata(
    "authorization server: a JSON list",
    failed,
    text(() => "[]"),
  ),
  metadata(
    "authorization server: larger than 1 MiB",
    failed,
    text(() => JSON.stringify({ x: "x".repeat(2_000_000) })),
  ),
  metadata("authorization server: 302 to another origin", failed, moved(302)),
  metadata("authorization server: 307 to another origin", failed, moved(307)),
  issuer("authorization server: no `issuer`", failed, { issuer: undefined }),
  issuer("authorization server: `issuer` is a number", mismatched, { issuer: 1 }),
  issuer("authorization server: `issuer` of another server", mismatched, { issuer: "https://other.example" }),
  issuer("authorization server: `issuer` with a slash at its end", mismatched, (world) => ({
    issuer: `${world.issuer.origin}/`,
  })),
  issuer("authorization server: `issuer` with another scheme", mismatched, (world) => ({
    issuer: world.issuer.origin.replace("http:", "https:"),
  })),
  issuer("authorization server: no `token_endpoint`", failed, { token_endpoint: undefined }),
  issuer("authorization server: `token_endpoint` is no URL", insecure, ({ canary }) => ({
    token_endpoint: canary,
  })),
  issuer("authorization server: `token_endpoint` is a path", insecure, { token_endpoint: "/token" }),
  issuer("authorization server: `token_endpoint` is http at a public name", insecure, {
    token_endpoint: "http://auth.example/token",
  }),
  issuer("authorization server: `token_endpoint` at a private address (10.0.0.1)", insecure, {
    token_endpoint: "https://10.0.0.1/token",
  }),
  issuer(
    "authorization server: `token_endpoint` at the address of a cloud's metadata (169.254.169.254)",
    insecure,
    { token_endpoint: "http://169.254.169.254/latest" },
  ),
  issuer("authorization server: `token_endpoint` at a private IPv6 address", insecure, {
    token_endpoint: "https://[fd00::1]/token",
  }),
  issuer("authorization server: `token_endpoint` with a password", insecure, ({ canary }) => ({
    token_endpoint: `https://user:${canary}@auth.example/token`,
  })),
  issuer("authorization server: `token_endpoint` is `file:`", insecure, {
    token_endpoint: "file:///etc/passwd",
  }),
  issuer("authorization server: no client authentication method", unsupported, {
    token_endpoint_auth_methods_supported: [],
  }),
  issuer("authorization server: other client authentication methods than ours", unsupported, {
    token_endpoint_auth_methods_supported: ["private_key_jwt"],
  }),
  issuer("authorization server: client authentication methods are no list", failed, {
    token_endpoint_auth_methods_supported: "client_secret_basic",
  }),
  issuer("authorization server: other grants than ours, which is a warning", well, {
    grant_types_supported: ["authorization_code"],
  }),
  resourceMetadata("MCP server: no resource metadata", { ...well, requests: 2 }, status(404)),
  resourceMetadata(
    "MCP server: resource metadata answers 500",
    { sees: "unavailable", requests: 4 },
    status(500),
  ),
  resourceMetadata(
    "MCP server: resource metadata is a page of HTML",
    failed,
    text(({ canary }) => `<p>${canary}`, "text/html"),
  ),
  resourceMetadata("MCP server: resource metadata is redirected", failed, moved(302)),
  resource("MCP server: `resource` of another origin", otherResource, {
    resource: "https://other.example/mcp",
  }),
  resource("MCP server: `resource` of a path beside it", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}/mcp2`,
  })),
  resource("MCP server: `resource` is the path above", well, ({ mcp }) => ({ resource: mcp.origin })),
  resource("MCP server: no `resource`", failed, { resource: undefined }),
  resource("MCP server: `resource` is no URL", otherResource, { resource: "mcp" }),
  resource("MCP server: no `authorization_servers`", mismatched, { authorization_servers: undefined }),
  resource("MCP server: `authorization_servers` is empty", mismatched, { authorization_servers: [] }),
  resource("MCP server: `authorization_servers` without ours", mismatched, {
    authorization_servers: ["https://other.example"],
  }),
  resource("MCP server: `authorization_servers` is no list", failed, ({ issuer }) => ({
    authorization_servers: issuer.origin,
  })),
  resource("MCP server: ours is one of several `authorization_servers`", well, ({ issuer }) => ({
    authorization_servers: ["https://other.example", issuer.origin],
  })),
]);

/** The metadata of an issuer that has another token endpoint from now on; the old one answers 404. */
function moveTokenEndpoint(world: FaultWorld): { readonly calls: () => number } {
  world.issuer.answer("token", (request, response) => {
    if (!request.url.startsWith("/new")) return void response.writeHead(404).end();
    const body = { access_token: world.issue(), token_type: "Bearer", expires_in: 600 };
    sendJson(response, body);
  });
  const { origin } = world.issuer;
  world.issuer.answer("metadata", (_request, response) =>
    sendJson(response, { issuer: origin, token_endpoint: `${origin}/new/token` }),
  );
  return { calls: () => world.issuer.requests.filter(({ url }) => url.endsWith("/token")).length };
}

/** Requests for metadata of the authorization server so far. */
function lookups(world: FaultWorld): number {
  return world.issuer.requests.filter(({ url }) => url.includes("/.well-known/")).length;
}

const rows: readonly Fault[] = [
  {
    name: "authorization server: its metadata is where OpenID has it",
    sees: "a token",
    requests: "2, one for each place",
    recovery: "none needed",
    async run(world) {
      const { origin } = world.issuer;
      world.issuer.answer("metadata", ({ url }, response) =>
        url.includes("openid-configuration")
          ? sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` })
          : void response.writeHead(404).end(),
      );
      const manager = await world.manager();
      expect(world.issued).toHaveLength(0);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toEqual([token]);
      expect(lookups(world)).toBe(2);
    },
  },
  {
    name: "authorization server: its token endpoint moves",
    sees: "a token",
    requests: "one that meets a 404, one for the metadata, one at the new place",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      const { calls } = moveTokenEndpoint(world);
      const before = { calls: calls(), lookups: lookups(world) };
      const token = await world.until(manager.getAccessToken({ forceRefresh: true }));
      expect(world.issued.at(-1)).toBe(token);
      expect({ calls: calls() - before.calls, lookups: lookups(world) - before.lookups }).toEqual({
        calls: 2,
        lookups: 1,
      });
    },
  },
  {
    name: "authorization server: its metadata is not answered in time",
    sees: "`timeout`",
    requests: "no token request",
    recovery: "1 s",
    async run(world) {
      world.issuer.answer("metadata", () => {});
      const release = world.hold(`${world.issuer.origin}/.well-known`);
      const manager = await world.manager();
      expect((await world.failure(manager.getAccessToken())).code).toBe("timeout");
      expect(world.issuer.calls).toBe(0);
      release();
      world.issuer.answer("metadata", undefined);
      await world.clock.skip(1_000);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
    },
  },
  {
    name: "MCP server: it moves to another issuer, and says so after a 401",
    sees: "`issuer_mismatch`",
    requests: "none to the new issuer, and no credential to anybody",
    recovery: "1 s after it has moved back",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      world.mcp.answer("resource-metadata", (_request, response) =>
        sendJson(response, {
          resource: `${world.mcp.origin}/mcp`,
          authorization_servers: [`${world.mcp.origin}/issuer`],
        }),
      );
      world.revoke();
      const calls = world.issuer.calls;
      // What was asked within the last minute is believed.
      await world.clock.skip(61_000);
      const error = await world.failure(manager.fetch(manager.url, { method: "POST", body: "{}" }));
      expect(error.code).toBe("issuer_mismatch");
      expect(world.issuer.calls).toBe(calls);
      expect(world.mcp.requests.filter(({ url }) => url.includes("issuer"))).toEqual([]);
      world.mcp.answer("resource-metadata", undefined);
      await world.clock.skip(1_000);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
    },
  },
];
faults("Metadata", rows);

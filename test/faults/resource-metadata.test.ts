// Failures in the metadata of the MCP server and in its challenges: group Metadata.
import { expect } from "vitest";
import type { TokenManager } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { authorizationFaults, type Fault, faults } from "./fault.js";
import { startFaultyServer } from "./faulty-server.js";
import {
  credentialsSentTo,
  expectNotFollowed,
  expectReadLittle,
  notListed,
  otherResource,
  redirected,
  redirectedToItself,
  requestedResources,
  resource,
  resourceMetadata,
  silent,
  status,
  text,
  well,
  wrongAnswers,
  wrongAtFirst,
} from "./metadata-answers.js";
import { hasWarned } from "./token-answers.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

const second = 1_000;
const post = { method: "POST", body: "{}" } as const;

/** Checks the `resource` of the token request. */
const requestsResource = (make: (world: AuthorizationWorld) => string) => (world: AuthorizationWorld) =>
  expect(requestedResources(world)).toEqual([make(world)]);
const requestsServerUrl = requestsResource(({ mcp }) => `${mcp.origin}/mcp`);

/** The token is still requested, for the server's URL, and the metadata is requested again for the next token. */
const unreadable = {
  ...well,
  requests: 2,
  check(world: AuthorizationWorld) {
    requestsServerUrl(world);
    expectWarning(world);
  },
};
const withoutIssuers = { ...well, check: expectWarning };

function expectWarning(world: AuthorizationWorld): void {
  expect(hasWarned(world)).toBe(true);
}

authorizationFaults("Metadata", [
  ...wrongAnswers.map(([name, wrong]) =>
    resourceMetadata(
      `${name} at the first location of the resource metadata, and the metadata at the next one`,
      { ...well, requests: 2, check: requestsServerUrl },
      wrongAtFirst(wrong),
    ),
  ),
  ...wrongAnswers
    .filter(([name]) => /^204|octet|required members|another issuer/.test(name))
    .map(([name, wrong]) =>
      resourceMetadata(`${name} instead of resource metadata, which causes a warning`, unreadable, wrong),
    ),
  resourceMetadata("no resource metadata", { ...well, requests: 2, check: requestsServerUrl }, status(404)),
  resourceMetadata(
    "resource metadata requires a token",
    { ...well, requests: 2, check: requestsServerUrl },
    status(401),
  ),
  resourceMetadata(
    "resource metadata answers 500, which causes a warning",
    { ...unreadable, requests: 4 },
    status(500),
  ),
  resourceMetadata(
    "resource metadata answers 429, which causes a warning",
    { ...unreadable, requests: 4 },
    status(429),
  ),
  resourceMetadata(
    "resource metadata is empty, which causes a warning",
    unreadable,
    text(() => ""),
  ),
  resourceMetadata(
    "resource metadata is a page of HTML, which causes a warning",
    unreadable,
    text(({ canary }) => `<p>${canary}`, "text/html"),
  ),
  resourceMetadata(
    "resource metadata is truncated, which causes a warning",
    unreadable,
    text(({ canary }) => `{"resource":"${canary}`),
  ),
  resourceMetadata(
    "resource metadata is a JSON list, which causes a warning",
    unreadable,
    text(() => "[]"),
  ),
  resourceMetadata(
    "resource metadata is larger than 1 MiB, which causes a warning",
    { ...unreadable, check: expectReadLittle },
    text(() => JSON.stringify({ x: "x".repeat(4_000_000) })),
  ),
  resourceMetadata(
    "resource metadata is redirected, 302, which causes a warning",
    { ...unreadable, check: expectNotFollowed },
    redirected(302),
  ),
  resourceMetadata(
    "resource metadata is redirected, 307, which causes a warning",
    { ...unreadable, check: expectNotFollowed },
    redirected(307),
  ),
  resourceMetadata(
    "resource metadata is redirected to itself, which causes a warning",
    unreadable,
    redirectedToItself,
  ),
  resourceMetadata(
    "resource metadata is not answered within the timeout, which causes a warning",
    unreadable,
    silent,
  ),

  resource("no `resource`, which causes a warning", unreadable, { resource: undefined }),
  resource("`resource` is a number, which causes a warning", unreadable, { resource: 1 }),
  resource("`resource` is empty, which causes a warning", unreadable, { resource: "" }),
  resource("`resource` is not a URL", otherResource, { resource: "mcp" }),
  resource("`resource` of another origin", otherResource, { resource: "https://other.example/mcp" }),
  resource("`resource` of an origin that starts with the server's origin", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}0/mcp`,
  })),
  resource("`resource` of the authorization server", otherResource, ({ issuer }) => ({
    resource: issuer.origin,
  })),
  resource("`resource` of a sibling path", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}/mcp2`,
  })),
  resource("`resource` of a path below the server's", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}/mcp/a`,
  })),
  resource("`resource` with a fragment", otherResource, ({ mcp }) => ({ resource: `${mcp.origin}/mcp#a` })),
  resource(
    "`resource` is the path above the server's, without a slash",
    { ...well, check: requestsResource(({ mcp }) => mcp.origin) },
    ({ mcp }) => ({ resource: mcp.origin }),
  ),
  resource(
    "`resource` is the path above the server's, with a slash",
    { ...well, check: requestsResource(({ mcp }) => `${mcp.origin}/`) },
    ({ mcp }) => ({ resource: `${mcp.origin}/` }),
  ),
  resource("no `authorization_servers`, which causes a warning", withoutIssuers, {
    authorization_servers: undefined,
  }),
  resource("`authorization_servers` is null, which causes a warning", withoutIssuers, {
    authorization_servers: null,
  }),
  resource("`authorization_servers` is empty, which causes a warning", withoutIssuers, {
    authorization_servers: [],
  }),
  resource("`authorization_servers` without the configured issuer", notListed, {
    authorization_servers: ["https://other.example"],
  }),
  resource(
    "`authorization_servers` with the configured issuer and an extra slash",
    notListed,
    ({ issuer }) => ({
      authorization_servers: [`${issuer.origin}/`],
    }),
  ),
  resource("`authorization_servers` is not a list, which causes a warning", unreadable, ({ issuer }) => ({
    authorization_servers: issuer.origin,
  })),
  resource(
    "`authorization_servers` contains something other than strings, which causes a warning",
    unreadable,
    ({ issuer }) => ({
      authorization_servers: [issuer.origin, {}],
    }),
  ),
  resource("the configured issuer is one of several `authorization_servers`", well, ({ issuer }) => ({
    authorization_servers: ["https://other.example", issuer.origin],
  })),
  resource("`scopes_supported` is not a list, which causes a warning", unreadable, {
    scopes_supported: "a b",
  }),
]);

/** Revokes the current token. Each 401 names this URL of metadata. */
async function challenge(world: FaultWorld, url: string, manager: TokenManager): Promise<void> {
  const revoked = `Bearer ${await world.until(manager.getAccessToken())}`;
  world.mcp.answer("mcp", (request, response) => {
    if (request.headers.authorization !== revoked) return sendJson(response, {});
    response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${url}"` }).end();
  });
}

/** Returns the number of requests to a URL. */
function requestsTo({ exchanges }: FaultWorld, url: string): number {
  return exchanges.filter((exchange) => exchange.url === url).length;
}

/** Checks that a call gets the challenge first, and 200 with a new token. */
async function expectRecovery(world: FaultWorld, manager: TokenManager): Promise<void> {
  const { calls } = world.mcp;
  expect((await world.until(manager.fetch(manager.url, post))).status).toBe(200);
  expect(world.mcp.calls - calls).toBe(2);
  expect(world.issuer.calls).toBe(2);
  expect(requestedResources(world)).toEqual([manager.url, manager.url]);
  // Calls went only to the MCP server, and credentials only to the issuer.
  expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
}

/** A challenge with a URL that must not be requested. */
function refused(name: string, make: (world: FaultWorld) => string): Fault {
  return {
    name: `MCP server: a challenge with metadata ${name}`,
    sees: "200",
    requests: "none there, 1 token request, 2 to the MCP server",
    recovery: "in the same call",
    async run(world) {
      const url = make(world);
      const manager = await world.manager();
      await challenge(world, url, manager);
      await expectRecovery(world, manager);
      expect(requestsTo(world, url)).toBe(0);
    },
  };
}

/** Makes the authorization server publish metadata of the MCP server, and the challenge name that URL. */
async function publishAtIssuer(
  world: FaultWorld,
  manager: TokenManager,
  members: Readonly<Record<string, unknown>>,
): Promise<string> {
  world.issuer.answer("resource-metadata", (_request, response) => sendJson(response, members));
  const url = `${world.issuer.origin}/.well-known/oauth-protected-resource`;
  await challenge(world, url, manager);
  return url;
}

faults("Metadata", [
  refused("at a private address (10.0.0.1)", () => "https://10.0.0.1/metadata"),
  refused(
    "at the address of a cloud's metadata service (169.254.169.254)",
    () => "https://169.254.169.254/latest",
  ),
  refused("at a private IPv6 address ([fd00::1])", () => "https://[fd00::1]/metadata"),
  refused("at a localhost name that is not in the config", ({ mcp }) => {
    return `http://localhost:${new URL(mcp.origin).port}/.well-known/oauth-protected-resource/mcp`;
  }),
  refused("at a public name, with http", () => "http://mcp.example/metadata"),
  refused("at a URL with a password", ({ mcp, canary }) => {
    return `${mcp.origin.replace("//", `//user:${canary}@`)}/.well-known/oauth-protected-resource/mcp`;
  }),
  refused("in a file", () => "file:///etc/passwd"),
  {
    name: "MCP server: a challenge with metadata that redirects to itself",
    sees: "200",
    requests: "1 there, 1 token request, 2 to the MCP server",
    recovery: "in the same call",
    async run(world) {
      const path = "/.well-known/oauth-protected-resource/circle";
      const good = `${world.mcp.origin}/mcp`;
      world.mcp.answer("resource-metadata", ({ url }, response) =>
        url === path
          ? void response.writeHead(302, { location: path }).end()
          : sendJson(response, { resource: good, authorization_servers: [world.issuer.origin] }),
      );
      const manager = await world.manager();
      await challenge(world, `${world.mcp.origin}${path}`, manager);
      await expectRecovery(world, manager);
      expect(requestsTo(world, `${world.mcp.origin}${path}`)).toBe(1);
    },
  },
  {
    name: "MCP server: a challenge with metadata at another host",
    sees: "200",
    requests: "none there; 1 token request, for the server's own URL",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      const other = world.own(await startFaultyServer(() => ({})));
      const url = `${other.origin}/.well-known/oauth-protected-resource`;
      await challenge(world, url, manager);
      await expectRecovery(world, manager);
      expect(requestsTo(world, url)).toBe(0);
      expect(other.requests).toEqual([]);
    },
  },
  {
    name: "MCP server: a challenge with metadata at the issuer's host, for another resource",
    sees: "200; the metadata is ignored",
    requests: "1 there, without a credential; 1 token request, for the server's own URL",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      const { origin } = world.issuer;
      const url = await publishAtIssuer(world, manager, {
        resource: origin,
        authorization_servers: [origin],
      });
      await expectRecovery(world, manager);
      expect(requestsTo(world, url)).toBe(1);
    },
  },
  {
    name: "MCP server: a challenge with metadata at the issuer's host, which names another issuer",
    sees: "401; `lastError` is `issuer_mismatch`",
    requests: "1 there, without a credential; no token request",
    recovery: "1 s",
    async run(world) {
      const manager = await world.manager();
      const says = { resource: manager.url, authorization_servers: ["https://other.example"] };
      const url = await publishAtIssuer(world, manager, says);
      await expectRefusal(world, manager, "issuer_mismatch");
      expect(world.issuer.calls).toBe(1);
      expect(requestsTo(world, url)).toBe(1);
      world.issuer.answer("resource-metadata", undefined);
      await world.clock.skip(second);
      await expectRecovery(world, manager);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
    },
  },
  {
    name: "MCP server: a challenge with metadata at the issuer's host, which names scopes",
    sees: "200, with a token for those scopes, because the issuer decides which scopes it grants",
    requests: "1 there, without a credential; 1 token request, to the issuer",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      const says = { resource: manager.url, authorization_servers: [world.issuer.origin] };
      const url = await publishAtIssuer(world, manager, { ...says, scopes_supported: ["a", "b"] });
      await expectRecovery(world, manager);
      expect(requestsTo(world, url)).toBe(1);
      expect(tokenScopes(world)).toEqual([null, "a b"]);
    },
  },
  {
    name: "MCP server: a challenge with metadata that names scopes which are not in the config",
    sees: "200, with a token for the scopes of the config",
    requests: "1 there, without a credential; 1 token request, to the issuer",
    recovery: "none needed",
    async run(world) {
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, grant: { ...tools.grant, scopes: ["c"] } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      const says = { resource: manager.url, authorization_servers: [world.issuer.origin] };
      const url = await publishAtIssuer(world, manager, { ...says, scopes_supported: ["admin"] });
      await expectRecovery(world, manager);
      expect(requestsTo(world, url)).toBe(1);
      expect(tokenScopes(world)).toEqual(["c", "c"]);
    },
  },
  {
    name: "MCP server: `resource` is http://localhost:3000/mcp, as behind a reverse proxy, and the grant has the same `resource`",
    sees: "a token for that resource",
    requests: "2, and 1 token request",
    recovery: "none needed",
    async run(world) {
      const resource = "http://localhost:3000/mcp";
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, grant: { ...tools.grant, resource } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      world.mcp.answer("resource-metadata", ({ url }, response) =>
        url.endsWith("/mcp")
          ? sendJson(response, { resource, authorization_servers: [world.issuer.origin] })
          : void response.writeHead(404).end(),
      );
      expect([await world.until(manager.getAccessToken())]).toEqual(world.issued);
      expect(requestedResources(world)).toEqual([resource]);
    },
  },
  {
    name: "MCP server: its metadata is a page of HTML for two hours, after it was read once",
    sees: "a token for the resource in the last good document",
    requests: "1 token request per renewal",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      const { origin } = world.mcp;
      world.mcp.answer("resource-metadata", (_request, response) =>
        sendJson(response, { resource: origin, authorization_servers: [world.issuer.origin] }),
      );
      await world.until(manager.getAccessToken());
      world.mcp.answer("resource-metadata", (_request, response) => {
        response.writeHead(200, { "content-type": "text/html" }).end(`<p>${world.canary}`);
      });
      for (let renewals = 0; renewals < 12; renewals += 1) {
        await world.clock.skip(600 * second);
        await world.until(manager.getAccessToken());
      }
      expect(new Set(requestedResources(world))).toEqual(new Set([origin]));
      expect(world.mcp.requests.length).toBeGreaterThan(2);
    },
  },
  {
    name: "MCP server: after a 401, its metadata names another issuer",
    sees: "401; `lastError` is `issuer_mismatch`",
    requests: "none to the new issuer, and no credential sent",
    recovery: "1 s after it names the configured issuer again",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      const other = world.own(await startFaultyServer(() => ({})));
      world.mcp.answer("resource-metadata", (_request, response) =>
        sendJson(response, { resource: manager.url, authorization_servers: [other.origin] }),
      );
      world.revoke();
      // Metadata that was read within the last minute is not requested again.
      await world.clock.skip(61 * second);
      await expectRefusal(world, manager, "issuer_mismatch");
      expect(world.issuer.calls).toBe(1);
      world.mcp.answer("resource-metadata", undefined);
      await world.clock.skip(second);
      await expectRecovery(world, manager);
      expect(other.requests).toEqual([]);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
    },
  },
]);

/** Checks that a call gets the server's 401, because the request for another token fails with this code. */
async function expectRefusal(world: FaultWorld, manager: TokenManager, code: string): Promise<void> {
  expect((await world.until(manager.fetch(manager.url, post))).status).toBe(401);
  expect(manager.status().lastError?.code).toBe(code);
}

/** Returns the `scope` of each token request so far. */
function tokenScopes({ issuer }: FaultWorld): readonly (string | null)[] {
  const requests = issuer.requests.filter(({ method }) => method === "POST");
  return requests.map(({ body }) => new URLSearchParams(body).get("scope"));
}

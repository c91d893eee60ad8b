// What the MCP server publishes about itself, and where its challenges point: group Metadata.
import { expect } from "vitest";
import type { TokenManager } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { authorizationFaults, type Fault, faults } from "./fault.js";
import { startFaultyServer } from "./faulty-server.js";
import {
  atFirst,
  circle,
  credentialsSentTo,
  inItsPlace,
  moved,
  notFollowed,
  notListed,
  otherResource,
  readLittle,
  resource,
  resourceMetadata,
  resourcesAskedFor,
  silent,
  status,
  text,
  well,
} from "./metadata-answers.js";
import { hasWarned } from "./token-answers.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

const second = 1_000;
const post = { method: "POST", body: "{}" } as const;

/** The token was asked for to be good for this. */
const asksFor = (make: (world: AuthorizationWorld) => string) => (world: AuthorizationWorld) =>
  expect(resourcesAskedFor(world)).toEqual([make(world)]);
const itsUrl = asksFor(({ mcp }) => `${mcp.origin}/mcp`);

/** The token is asked for all the same, for the server's URL, and the next one is asked for with metadata. */
const unread = {
  ...well,
  requests: 2,
  check(world: AuthorizationWorld) {
    itsUrl(world);
    hasWarnedOfIt(world);
  },
};
const silentOfIssuers = { ...well, check: hasWarnedOfIt };

function hasWarnedOfIt(world: AuthorizationWorld): void {
  expect(hasWarned(world)).toBe(true);
}

authorizationFaults("Metadata", [
  ...inItsPlace.map(([name, wrong]) =>
    resourceMetadata(
      `${name} at the first location of resource metadata, while the next one has it`,
      { ...well, requests: 2, check: itsUrl },
      atFirst(wrong),
    ),
  ),
  ...inItsPlace
    .filter(([name]) => /^204|octet|something else|another issuer/.test(name))
    .map(([name, wrong]) =>
      resourceMetadata(`${name} in place of resource metadata, which is a warning`, unread, wrong),
    ),
  resourceMetadata("no resource metadata", { ...well, requests: 2, check: itsUrl }, status(404)),
  resourceMetadata(
    "resource metadata wants a token itself",
    { ...well, requests: 2, check: itsUrl },
    status(401),
  ),
  resourceMetadata(
    "resource metadata answers 500, which is a warning",
    { ...unread, requests: 4 },
    status(500),
  ),
  resourceMetadata(
    "resource metadata answers 429, which is a warning",
    { ...unread, requests: 4 },
    status(429),
  ),
  resourceMetadata(
    "resource metadata is empty, which is a warning",
    unread,
    text(() => ""),
  ),
  resourceMetadata(
    "resource metadata is a page of HTML, which is a warning",
    unread,
    text(({ canary }) => `<p>${canary}`, "text/html"),
  ),
  resourceMetadata(
    "resource metadata is cut off, which is a warning",
    unread,
    text(({ canary }) => `{"resource":"${canary}`),
  ),
  resourceMetadata(
    "resource metadata is a JSON list, which is a warning",
    unread,
    text(() => "[]"),
  ),
  resourceMetadata(
    "resource metadata is larger than 1 MiB, which is a warning",
    { ...unread, check: readLittle },
    text(() => JSON.stringify({ x: "x".repeat(4_000_000) })),
  ),
  resourceMetadata(
    "resource metadata is redirected, 302, which is a warning",
    { ...unread, check: notFollowed },
    moved(302),
  ),
  resourceMetadata(
    "resource metadata is redirected, 307, which is a warning",
    { ...unread, check: notFollowed },
    moved(307),
  ),
  resourceMetadata("resource metadata is redirected to itself, which is a warning", unread, circle),
  resourceMetadata(
    "resource metadata is not answered within the timeout, which is a warning",
    unread,
    silent,
  ),

  resource("no `resource`, which is a warning", unread, { resource: undefined }),
  resource("`resource` is a number, which is a warning", unread, { resource: 1 }),
  resource("`resource` is empty, which is a warning", unread, { resource: "" }),
  resource("`resource` is no URL", otherResource, { resource: "mcp" }),
  resource("`resource` of another origin", otherResource, { resource: "https://other.example/mcp" }),
  resource("`resource` of another origin that begins as ours does", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}0/mcp`,
  })),
  resource("`resource` of the authorization server", otherResource, ({ issuer }) => ({
    resource: issuer.origin,
  })),
  resource("`resource` of a path beside it", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}/mcp2`,
  })),
  resource("`resource` of a path below it", otherResource, ({ mcp }) => ({
    resource: `${mcp.origin}/mcp/a`,
  })),
  resource("`resource` with a fragment", otherResource, ({ mcp }) => ({ resource: `${mcp.origin}/mcp#a` })),
  resource(
    "`resource` is the path above, without a slash",
    { ...well, check: asksFor(({ mcp }) => mcp.origin) },
    ({ mcp }) => ({ resource: mcp.origin }),
  ),
  resource(
    "`resource` is the path above, with a slash",
    { ...well, check: asksFor(({ mcp }) => `${mcp.origin}/`) },
    ({ mcp }) => ({ resource: `${mcp.origin}/` }),
  ),
  resource("no `authorization_servers`, which is a warning", silentOfIssuers, {
    authorization_servers: undefined,
  }),
  resource("`authorization_servers` is null, which is a warning", silentOfIssuers, {
    authorization_servers: null,
  }),
  resource("`authorization_servers` is empty, which is a warning", silentOfIssuers, {
    authorization_servers: [],
  }),
  resource("`authorization_servers` without ours", notListed, {
    authorization_servers: ["https://other.example"],
  }),
  resource("`authorization_servers` with ours but for a slash", notListed, ({ issuer }) => ({
    authorization_servers: [`${issuer.origin}/`],
  })),
  resource("`authorization_servers` is no list, which is a warning", unread, ({ issuer }) => ({
    authorization_servers: issuer.origin,
  })),
  resource(
    "`authorization_servers` has something other than strings, which is a warning",
    unread,
    ({ issuer }) => ({
      authorization_servers: [issuer.origin, {}],
    }),
  ),
  resource("ours is one of several `authorization_servers`", well, ({ issuer }) => ({
    authorization_servers: ["https://other.example", issuer.origin],
  })),
  resource("`scopes_supported` is no list, which is a warning", unread, { scopes_supported: "a b" }),
]);

/** The token in hand is revoked; each 401 says that the metadata is at this URL. */
async function challenge(world: FaultWorld, url: string, manager: TokenManager): Promise<void> {
  const revoked = `Bearer ${await world.until(manager.getAccessToken())}`;
  world.mcp.answer("mcp", (request, response) => {
    if (request.headers.authorization !== revoked) return sendJson(response, {});
    response.writeHead(401, { "www-authenticate": `Bearer resource_metadata="${url}"` }).end();
  });
}

/** GET requests since the start, by URL. */
function asked({ exchanges }: FaultWorld, url: string): number {
  return exchanges.filter((exchange) => exchange.url === url).length;
}

/** A call whose first answer is the challenge, and whose second is 200. */
async function goesOn(world: FaultWorld, manager: TokenManager): Promise<void> {
  const { calls } = world.mcp;
  expect((await world.until(manager.fetch(manager.url, post))).status).toBe(200);
  expect(world.mcp.calls - calls).toBe(2);
  expect(world.issuer.calls).toBe(2);
  expect(resourcesAskedFor(world)).toEqual([manager.url, manager.url]);
  // Calls go to the MCP server, credentials to the issuer, and nothing anywhere else.
  expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
}

/** A URL that nobody may be made to ask. */
function refused(name: string, make: (world: FaultWorld) => string): Fault {
  return {
    name: `MCP server: a challenge whose metadata is ${name}`,
    sees: "200",
    requests: "none there, 1 token request, 2 to the server",
    recovery: "in the same call",
    async run(world) {
      const url = make(world);
      const manager = await world.manager();
      await challenge(world, url, manager);
      await goesOn(world, manager);
      expect(asked(world, url)).toBe(0);
    },
  };
}

/** What the authorization server says of the MCP server, where the challenge leads. */
async function atIssuer(
  world: FaultWorld,
  manager: TokenManager,
  says: Readonly<Record<string, unknown>>,
): Promise<string> {
  world.issuer.answer("resource-metadata", (_request, response) => sendJson(response, says));
  const url = `${world.issuer.origin}/.well-known/oauth-protected-resource`;
  await challenge(world, url, manager);
  return url;
}

faults("Metadata", [
  refused("at a private address (10.0.0.1)", () => "https://10.0.0.1/metadata"),
  refused("at the address of a cloud's metadata (169.254.169.254)", () => "https://169.254.169.254/latest"),
  refused("at a private IPv6 address ([fd00::1])", () => "https://[fd00::1]/metadata"),
  refused("at a localhost name that is not in the config", ({ mcp }) => {
    return `http://localhost:${new URL(mcp.origin).port}/.well-known/oauth-protected-resource/mcp`;
  }),
  refused("at a public name with http", () => "http://mcp.example/metadata"),
  refused("at a URL with a password", ({ mcp, canary }) => {
    return `${mcp.origin.replace("//", `//user:${canary}@`)}/.well-known/oauth-protected-resource/mcp`;
  }),
  refused("a file", () => "file:///etc/passwd"),
  {
    name: "MCP server: a challenge whose metadata is redirected to itself",
    sees: "200",
    requests: "1 there, 1 token request, 2 to the server",
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
      await goesOn(world, manager);
      expect(asked(world, `${world.mcp.origin}${path}`)).toBe(1);
    },
  },
  {
    name: "MCP server: a challenge whose metadata is at another host",
    sees: "200; the other host is not asked",
    requests: "none there; 1 token request, for the server's own URL",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      const other = world.own(await startFaultyServer(() => ({})));
      const url = `${other.origin}/.well-known/oauth-protected-resource`;
      await challenge(world, url, manager);
      await goesOn(world, manager);
      expect(asked(world, url)).toBe(0);
      expect(other.requests).toEqual([]);
    },
  },
  {
    name: "MCP server: a challenge whose metadata is at the issuer's host, which speaks of another resource",
    sees: "200; it is passed over",
    requests: "1 there, without a credential; 1 token request, for the server's own URL",
    recovery: "in the same call",
    async run(world) {
      const manager = await world.manager();
      const { origin } = world.issuer;
      const url = await atIssuer(world, manager, { resource: origin, authorization_servers: [origin] });
      await goesOn(world, manager);
      expect(asked(world, url)).toBe(1);
    },
  },
  {
    name: "MCP server: a challenge whose metadata is at the issuer's host, which names another issuer",
    sees: "401; the failure is `issuer_mismatch`",
    requests: "1 there, without a credential; no token request to anybody",
    recovery: "1 s",
    async run(world) {
      const manager = await world.manager();
      const says = { resource: manager.url, authorization_servers: ["https://other.example"] };
      const url = await atIssuer(world, manager, says);
      await refusedFor(world, manager, "issuer_mismatch");
      expect(world.issuer.calls).toBe(1);
      expect(asked(world, url)).toBe(1);
      world.issuer.answer("resource-metadata", undefined);
      await world.clock.skip(second);
      await goesOn(world, manager);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
    },
  },
  {
    name: "MCP server: a challenge whose metadata is at the issuer's host, which names scopes",
    sees: "200, with a token for those scopes: a server may ask for any, and the issuer says which it gives",
    requests: "1 there, without a credential; 1 token request, to the issuer",
    recovery: "none needed",
    async run(world) {
      const manager = await world.manager();
      const says = { resource: manager.url, authorization_servers: [world.issuer.origin] };
      const url = await atIssuer(world, manager, { ...says, scopes_supported: ["a", "b"] });
      await goesOn(world, manager);
      expect(asked(world, url)).toBe(1);
      expect(tokenScopes(world)).toEqual([null, "a b"]);
    },
  },
  {
    name: "MCP server: a challenge whose metadata names scopes that the config does not",
    sees: "200, with a token for the scopes of the config",
    requests: "1 there, without a credential; 1 token request, to the issuer",
    recovery: "none needed",
    async run(world) {
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, grant: { ...tools.grant, scopes: ["c"] } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      const says = { resource: manager.url, authorization_servers: [world.issuer.origin] };
      const url = await atIssuer(world, manager, { ...says, scopes_supported: ["admin"] });
      await goesOn(world, manager);
      expect(asked(world, url)).toBe(1);
      expect(tokenScopes(world)).toEqual(["c", "c"]);
    },
  },
  {
    name: "MCP server: `resource` is http://localhost:3000/mcp, as behind a reverse proxy, and so is that of the grant",
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
      expect(resourcesAskedFor(world)).toEqual([resource]);
    },
  },
  {
    name: "MCP server: its metadata is a page of HTML for two hours, once it was known",
    sees: "a token for what the last good document says",
    requests: "1 token request each time",
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
      expect(new Set(resourcesAskedFor(world))).toEqual(new Set([origin]));
      expect(world.mcp.requests.length).toBeGreaterThan(2);
    },
  },
  {
    name: "MCP server: it moves to another issuer, and says so after a 401",
    sees: "401; the failure is `issuer_mismatch`",
    requests: "none to the new issuer, and no credential to anybody",
    recovery: "1 s after it has moved back",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      const other = world.own(await startFaultyServer(() => ({})));
      world.mcp.answer("resource-metadata", (_request, response) =>
        sendJson(response, { resource: manager.url, authorization_servers: [other.origin] }),
      );
      world.revoke();
      // What was asked within the last minute is believed.
      await world.clock.skip(61 * second);
      await refusedFor(world, manager, "issuer_mismatch");
      expect(world.issuer.calls).toBe(1);
      world.mcp.answer("resource-metadata", undefined);
      await world.clock.skip(second);
      await goesOn(world, manager);
      expect(other.requests).toEqual([]);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([manager.url, world.tokenEndpoint]));
    },
  },
]);

/** The call gets the server's 401, because the request for another token fails. */
async function refusedFor(world: FaultWorld, manager: TokenManager, code: string): Promise<void> {
  expect((await world.until(manager.fetch(manager.url, post))).status).toBe(401);
  expect(manager.status().lastError?.code).toBe(code);
}

/** The `scope` of each token request so far. */
function tokenScopes({ issuer }: FaultWorld): readonly (string | null)[] {
  const requests = issuer.requests.filter(({ method }) => method === "POST");
  return requests.map(({ body }) => new URLSearchParams(body).get("scope"));
}

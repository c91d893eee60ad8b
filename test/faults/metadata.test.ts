// What the authorization server publishes about itself: group Metadata. What the MCP server does: resource-metadata.test.ts.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { sendJson } from "../support/http-server.js";
import { authorizationFaults, type Fault, faults } from "./fault.js";
import { gateBefore } from "./gate.js";
import {
  atFirst,
  circle,
  credentialsSentTo,
  failed,
  inItsPlace,
  insecure,
  issuer,
  late,
  metadata,
  mismatched,
  moved,
  notFollowed,
  nowhere,
  readLittle,
  recoversAfter,
  silent,
  status,
  text,
  unavailable,
  unsupported,
  well,
} from "./metadata-answers.js";
import { hasWarned } from "./token-answers.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;

/** A `token_endpoint` on this machine with another name for it, at the port of the authorization server. */
const onThisMachine = (host: string) => (world: FaultWorld) => ({
  token_endpoint: `http://${host}:${new URL(world.issuer.origin).port}/token`,
});

authorizationFaults("Metadata", [
  ...inItsPlace.map(([name, wrong]) =>
    metadata(
      `${name} at the first location, while the next one has it`,
      { ...well, requests: 2 },
      atFirst(wrong),
    ),
  ),
  metadata("404 wherever it is looked for", { ...failed, requests: 2 }, status(404)),
  metadata("500", unavailable, status(500)),
  metadata("429", unavailable, status(429)),
  metadata(
    "200, empty",
    nowhere,
    text(() => ""),
  ),
  metadata(
    "a page of HTML",
    nowhere,
    text(({ canary }) => `<p>${canary}`, "text/html"),
  ),
  metadata(
    "JSON that is cut off",
    nowhere,
    text(({ canary }) => `{"issuer":"${canary}`),
  ),
  metadata(
    "a JSON list",
    nowhere,
    text(() => "[]"),
  ),
  metadata(
    "larger than 1 MiB",
    { ...nowhere, check: readLittle },
    text(() => JSON.stringify({ x: "x".repeat(4_000_000) })),
  ),
  metadata("302 to another origin", { ...nowhere, check: notFollowed }, moved(302)),
  metadata("307 to another origin", { ...nowhere, check: notFollowed }, moved(307)),
  metadata("302 to itself", nowhere, circle),
  metadata("no answer within the timeout", late, silent),

  issuer("no `issuer`", nowhere, { issuer: undefined }),
  issuer("`issuer` is null", mismatched, { issuer: null }),
  issuer("`issuer` is a number", mismatched, { issuer: 1 }),
  issuer("`issuer` is a list with ours in it", mismatched, (world) => ({ issuer: [world.issuer.origin] })),
  issuer("`issuer` of another server", mismatched, { issuer: "https://other.example" }),
  issuer("`issuer` with a slash at its end", mismatched, (world) => ({ issuer: `${world.issuer.origin}/` })),
  issuer("`issuer` is https, where http was asked for", mismatched, (world) => ({
    issuer: world.issuer.origin.replace("http:", "https:"),
  })),

  issuer("no `token_endpoint`", nowhere, { token_endpoint: undefined }),
  issuer("`token_endpoint` is null", nowhere, { token_endpoint: null }),
  issuer("`token_endpoint` is a number", nowhere, { token_endpoint: 1 }),
  issuer("`token_endpoint` is empty", insecure, { token_endpoint: "" }),
  issuer("`token_endpoint` is no URL", insecure, ({ canary }) => ({ token_endpoint: canary })),
  issuer("`token_endpoint` is a path", insecure, { token_endpoint: "/token" }),
  issuer("`token_endpoint` is `file:`", insecure, { token_endpoint: "file:///etc/passwd" }),
  issuer("`token_endpoint` is http at a public name", insecure, {
    token_endpoint: "http://auth.example/token",
  }),
  issuer("`token_endpoint` at a private address (10.0.0.1)", insecure, {
    token_endpoint: "https://10.0.0.1/token",
  }),
  issuer("`token_endpoint` at a private address in another spelling (0xa000001)", insecure, {
    token_endpoint: "https://0xa000001/token",
  }),
  issuer("`token_endpoint` at the address of a cloud's metadata (169.254.169.254)", insecure, {
    token_endpoint: "https://169.254.169.254/latest",
  }),
  issuer("`token_endpoint` at the address of a cloud's metadata, with http", insecure, {
    token_endpoint: "http://169.254.169.254/latest",
  }),
  issuer("`token_endpoint` at a private IPv6 address ([fd00::1])", insecure, {
    token_endpoint: "https://[fd00::1]/token",
  }),
  issuer(
    "`token_endpoint` at an address of this machine that is not in the config ([::1])",
    insecure,
    onThisMachine("[::1]"),
  ),
  issuer(
    "`token_endpoint` at a localhost name that is not in the config",
    insecure,
    onThisMachine("localhost"),
  ),
  issuer("`token_endpoint` with a user name and a password", insecure, ({ canary, tokenEndpoint }) => ({
    token_endpoint: tokenEndpoint.replace("//", `//user:${canary}@`),
  })),

  issuer("no client authentication method", unsupported, { token_endpoint_auth_methods_supported: [] }),
  issuer("other client authentication methods than ours", unsupported, {
    token_endpoint_auth_methods_supported: ["private_key_jwt", "none"],
  }),
  issuer("client authentication methods are no list", failed, {
    token_endpoint_auth_methods_supported: "client_secret_basic",
  }),
  issuer("client authentication methods are not strings", failed, {
    token_endpoint_auth_methods_supported: ["client_secret_basic", 1],
  }),
  issuer("client authentication methods are null, as if it had none to tell", well, {
    token_endpoint_auth_methods_supported: null,
  }),
  issuer("signing algorithms are no list", failed, {
    token_endpoint_auth_signing_alg_values_supported: { ES256: true },
  }),
  issuer("grant types are no list", failed, { grant_types_supported: "client_credentials" }),
  issuer(
    "other grant types than ours, which is a warning",
    { ...well, check: (world) => expect(hasWarned(world)).toBe(true) },
    { grant_types_supported: ["authorization_code"] },
  ),
  issuer(
    "no grant types, which is no warning",
    { ...well, check: (world) => expect(hasWarned(world)).toBe(false) },
    { grant_types_supported: undefined },
  ),
  issuer("`mtls_endpoint_aliases` is no object", failed, { mtls_endpoint_aliases: ["x"] }),
  issuer("a `token_endpoint` for client certificates at a private address", insecure, {
    mtls_endpoint_aliases: { token_endpoint: "https://10.0.0.1/token" },
  }),
]);

/** Requests for metadata of the authorization server so far. */
function lookups(world: FaultWorld): number {
  return world.issuer.requests.filter(({ url }) => url.includes("/.well-known/")).length;
}

/** A `token_endpoint` that ends so; and where the credential is sent then. */
function endsIn(name: string, suffix: string, asked: string): Fault {
  return {
    name: `authorization server: ${name}`,
    sees: "a token",
    requests: "1, and 1 token request",
    recovery: "none needed",
    async run(world) {
      const { origin } = world.issuer;
      world.issuer.answer("metadata", (_request, response) =>
        sendJson(response, { issuer: origin, token_endpoint: `${origin}/token${suffix}` }),
      );
      const manager = await world.manager();
      expect([await world.until(manager.getAccessToken())]).toEqual(world.issued);
      expect(lookups(world)).toBe(1);
      const asks = world.issuer.requests.filter(({ method }) => method === "POST");
      expect(asks.map(({ url }) => url)).toEqual([asked]);
    },
  };
}

/** The token endpoint is somewhere else now; the old one answers 404. */
function moveTokenEndpoint(world: FaultWorld): void {
  const { origin } = world.issuer;
  world.issuer.answer("token", ({ url }, response) => {
    if (!url.startsWith("/new")) return void response.writeHead(404).end();
    sendJson(response, { access_token: world.issue(), token_type: "Bearer", expires_in: 600 });
  });
  world.issuer.answer("metadata", (_request, response) =>
    sendJson(response, { issuer: origin, token_endpoint: `${origin}/new/token` }),
  );
}

const authority = await createAuthority();
const folder = await mkdtemp(join(tmpdir(), "faults-metadata-"));
const trusted = join(folder, "authority.pem");
await writeFile(trusted, authority.certificate);
afterAll(() => rm(folder, { recursive: true, force: true }));
const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1"] });

faults("Metadata", [
  {
    name: "authorization server: `issuer` is http, where https was asked for",
    sees: "`issuer_mismatch`",
    requests: "2, and no token request",
    recovery: "1 s",
    async run(world) {
      const gate = await gateBefore(world, { cert: certificate, key: privateKey });
      const { tools } = world.config.servers;
      const client = { issuer: gate.origin, id: "agent", secret: { env: "SECRET" } };
      const config = { network: { ca: [trusted] }, servers: { tools: { ...tools, grant: { client } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      world.mcp.answer("resource-metadata", (_request, response) =>
        sendJson(response, { resource: manager.url, authorization_servers: [gate.origin] }),
      );
      const publish = (issuer: string) =>
        world.issuer.answer("metadata", (_request, response) =>
          sendJson(response, { issuer, token_endpoint: `${gate.origin}/token` }),
        );
      publish(gate.origin.replace("https:", "http:"));
      expect((await world.failure(manager.getAccessToken())).code).toBe("issuer_mismatch");
      expect(lookups(world)).toBe(2);
      expect(credentialsSentTo(world)).toEqual([]);
      publish(gate.origin);
      await recoversAfter(world, () => manager.getAccessToken(), second);
      expect(credentialsSentTo(world)).toEqual([`${gate.origin}/token`]);
    },
  },
  {
    name: "authorization server: other signing algorithms than those of our key",
    sees: "`unsupported_by_server`",
    requests: "1, and no token request",
    recovery: "1 s",
    async run(world) {
      const { origin } = world.issuer;
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      world.env["SECRET"] = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const client = { issuer: origin, id: "agent", key: { privateKey: { env: "SECRET" } } };
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, grant: { client } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      const publish = (algorithms: readonly string[]) =>
        world.issuer.answer("metadata", (_request, response) =>
          sendJson(response, {
            issuer: origin,
            token_endpoint: world.tokenEndpoint,
            token_endpoint_auth_methods_supported: ["private_key_jwt"],
            token_endpoint_auth_signing_alg_values_supported: algorithms,
          }),
        );
      publish(["RS256", "PS256", "none"]);
      expect((await world.failure(manager.getAccessToken())).code).toBe("unsupported_by_server");
      expect(lookups(world)).toBe(1);
      expect(credentialsSentTo(world)).toEqual([]);
      publish(["RS256", "ES256"]);
      await recoversAfter(world, () => manager.getAccessToken(), second);
      expect(credentialsSentTo(world)).toEqual([world.tokenEndpoint]);
      expect(lookups(world)).toBe(2);
    },
  },
  endsIn("`token_endpoint` with a fragment, which goes to nobody", "#part", "/token"),
  endsIn("`token_endpoint` with a query, which is part of it", "?tenant=a%20b", "/token?tenant=a%20b"),
  {
    name: "authorization server: its metadata is where OpenID has it",
    sees: "a token",
    requests: "2, one for each place",
    recovery: "none needed",
    async run(world) {
      const { origin } = world.issuer;
      world.issuer.answer("metadata", ({ url }, response) =>
        url === "/.well-known/openid-configuration"
          ? sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` })
          : void response.writeHead(404).end(),
      );
      const manager = await world.manager();
      expect([await world.until(manager.getAccessToken())]).toEqual(world.issued);
      expect(lookups(world)).toBe(2);
      expect(credentialsSentTo(world)).toEqual([world.tokenEndpoint]);
    },
  },
  {
    name: "authorization server: its token endpoint moves",
    sees: "a token",
    requests: "one that meets a 404, one for the metadata, one at the new place",
    recovery: "in the same call",
    async run(world) {
      const { origin } = world.issuer;
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      moveTokenEndpoint(world);
      const before = world.exchanges.length;
      const token = await world.until(manager.getAccessToken({ forceRefresh: true }));
      expect(token).toBe(world.issued[1]);
      const asked = world.exchanges.slice(before).map(({ url }) => url);
      expect(asked).toEqual([
        `${origin}/token`,
        `${origin}/.well-known/oauth-authorization-server`,
        `${origin}/new/token`,
      ]);
    },
  },
  {
    name: "authorization server: its token endpoint is gone, and its metadata does not say where to",
    sees: "`token_request_rejected`",
    requests: "one that meets a 404, one for the metadata",
    recovery: "1 s after the metadata says it",
    async run(world) {
      const manager = await world.manager();
      world.issuer.answer("token", (_request, response) => void response.writeHead(404).end());
      expect((await world.failure(manager.getAccessToken())).code).toBe("token_request_rejected");
      expect({ token: world.issuer.calls, metadata: lookups(world) }).toEqual({ token: 1, metadata: 2 });
      moveTokenEndpoint(world);
      await recoversAfter(world, () => manager.getAccessToken(), second);
      expect({ token: world.issuer.calls, metadata: lookups(world) }).toEqual({ token: 3, metadata: 3 });
    },
  },
  {
    name: "authorization server: it names another issuer later, when its token endpoint is gone",
    sees: "its token, until that is of no use any more; then `token_request_rejected`",
    requests: "none to the other issuer",
    recovery: "with the next renewal",
    async run(world) {
      const { origin } = world.issuer;
      const manager = await world.manager();
      const first = await world.until(manager.getAccessToken());
      world.issuer.answer("token", (_request, response) => void response.writeHead(404).end());
      world.issuer.answer("metadata", (_request, response) =>
        sendJson(response, { issuer: world.mcp.origin, token_endpoint: `${world.mcp.origin}/token` }),
      );
      await world.clock.skip(569 * second);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(second);
      // The last good document still says where, and there is nothing.
      expect((await world.failure(manager.getAccessToken())).code).toBe("token_request_rejected");
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([`${origin}/token`]));
      world.issuer.answer("token", undefined);
      world.issuer.answer("metadata", undefined);
      await recoversAfter(world, () => manager.getAccessToken(), second);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([`${origin}/token`]));
    },
  },
]);

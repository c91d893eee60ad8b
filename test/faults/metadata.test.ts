// Failures in the metadata of the authorization server: group Metadata. For the MCP server, see
// resource-metadata.test.ts.
import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { sendJson } from "../support/http-server.js";
import { authorizationFaults, type Fault, faults } from "./fault.js";
import { startGate } from "./gate.js";
import {
  credentialsSentTo,
  expectNotFollowed,
  expectReadLittle,
  expectRecoveryAfter,
  failed,
  insecure,
  issuer,
  late,
  metadata,
  mismatched,
  nowhere,
  redirected,
  redirectedToItself,
  silent,
  status,
  text,
  unavailable,
  unsupported,
  well,
  wrongAnswers,
  wrongAtFirst,
} from "./metadata-answers.js";
import { hasWarned } from "./token-answers.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;

/** A `token_endpoint` on loopback under another name, at the port of the authorization server. */
const onLoopback = (host: string) => (world: FaultWorld) => ({
  token_endpoint: `http://${host}:${new URL(world.issuer.origin).port}/token`,
});

authorizationFaults("Metadata", [
  ...wrongAnswers.map(([name, wrong]) =>
    metadata(
      `${name} at the first location, and the metadata at the next one`,
      { ...well, requests: 2 },
      wrongAtFirst(wrong),
    ),
  ),
  metadata("404 at all locations", { ...failed, requests: 2 }, status(404)),
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
    "truncated JSON",
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
    { ...nowhere, check: expectReadLittle },
    text(() => JSON.stringify({ x: "x".repeat(4_000_000) })),
  ),
  metadata("302 to another origin", { ...nowhere, check: expectNotFollowed }, redirected(302)),
  metadata("307 to another origin", { ...nowhere, check: expectNotFollowed }, redirected(307)),
  metadata("302 to itself", nowhere, redirectedToItself),
  metadata("no answer within the timeout", late, silent),

  issuer("no `issuer`", nowhere, { issuer: undefined }),
  issuer("`issuer` is null", mismatched, { issuer: null }),
  issuer("`issuer` is a number", mismatched, { issuer: 1 }),
  issuer("`issuer` is a list that contains the configured issuer", mismatched, (world) => ({
    issuer: [world.issuer.origin],
  })),
  issuer("`issuer` of another server", mismatched, { issuer: "https://other.example" }),
  issuer("`issuer` with an extra trailing slash", mismatched, (world) => ({
    issuer: `${world.issuer.origin}/`,
  })),
  issuer("`issuer` is https, but http in the config", mismatched, (world) => ({
    issuer: world.issuer.origin.replace("http:", "https:"),
  })),

  issuer("no `token_endpoint`", nowhere, { token_endpoint: undefined }),
  issuer("`token_endpoint` is null", nowhere, { token_endpoint: null }),
  issuer("`token_endpoint` is a number", nowhere, { token_endpoint: 1 }),
  issuer("`token_endpoint` is empty", insecure, { token_endpoint: "" }),
  issuer("`token_endpoint` is not a URL", insecure, ({ canary }) => ({ token_endpoint: canary })),
  issuer("`token_endpoint` is a path", insecure, { token_endpoint: "/token" }),
  issuer("`token_endpoint` is `file:`", insecure, { token_endpoint: "file:///etc/passwd" }),
  issuer("`token_endpoint` is http with a public name", insecure, {
    token_endpoint: "http://auth.example/token",
  }),
  issuer("`token_endpoint` at a private address (10.0.0.1)", insecure, {
    token_endpoint: "https://10.0.0.1/token",
  }),
  issuer("`token_endpoint` at a private address in another notation (0xa000001)", insecure, {
    token_endpoint: "https://0xa000001/token",
  }),
  issuer("`token_endpoint` at the address of a cloud's metadata service (169.254.169.254)", insecure, {
    token_endpoint: "https://169.254.169.254/latest",
  }),
  issuer("`token_endpoint` at the address of a cloud's metadata service, with http", insecure, {
    token_endpoint: "http://169.254.169.254/latest",
  }),
  issuer("`token_endpoint` at a private IPv6 address ([fd00::1])", insecure, {
    token_endpoint: "https://[fd00::1]/token",
  }),
  issuer(
    "`token_endpoint` at a loopback address that is not in the config ([::1])",
    insecure,
    onLoopback("[::1]"),
  ),
  issuer("`token_endpoint` at a localhost name that is not in the config", insecure, onLoopback("localhost")),
  issuer("`token_endpoint` with a user name and a password", insecure, ({ canary, tokenEndpoint }) => ({
    token_endpoint: tokenEndpoint.replace("//", `//user:${canary}@`),
  })),

  issuer("no client authentication method", unsupported, { token_endpoint_auth_methods_supported: [] }),
  issuer("other client authentication methods than the client's", unsupported, {
    token_endpoint_auth_methods_supported: ["private_key_jwt", "none"],
  }),
  issuer("client authentication methods are not a list", failed, {
    token_endpoint_auth_methods_supported: "client_secret_basic",
  }),
  issuer("client authentication methods are not strings", failed, {
    token_endpoint_auth_methods_supported: ["client_secret_basic", 1],
  }),
  issuer("client authentication methods are null, which counts as not stated", well, {
    token_endpoint_auth_methods_supported: null,
  }),
  issuer("signing algorithms are not a list", failed, {
    token_endpoint_auth_signing_alg_values_supported: { ES256: true },
  }),
  issuer("grant types are not a list", failed, { grant_types_supported: "client_credentials" }),
  issuer(
    "other grant types than the config's, which causes a warning",
    { ...well, check: (world) => expect(hasWarned(world)).toBe(true) },
    { grant_types_supported: ["authorization_code"] },
  ),
  issuer(
    "no grant types, which causes no warning",
    { ...well, check: (world) => expect(hasWarned(world)).toBe(false) },
    { grant_types_supported: undefined },
  ),
  issuer("`mtls_endpoint_aliases` is not an object", failed, { mtls_endpoint_aliases: ["x"] }),
  issuer("the mTLS `token_endpoint` is at a private address", insecure, {
    mtls_endpoint_aliases: { token_endpoint: "https://10.0.0.1/token" },
  }),
]);

/** Returns the number of requests for metadata of the authorization server. */
function lookups(world: FaultWorld): number {
  return world.issuer.requests.filter(({ url }) => url.includes("/.well-known/")).length;
}

/** A `token_endpoint` with this suffix, and the URL that the credential is sent to. */
function withSuffix(name: string, suffix: string, requested: string): Fault {
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
      const tokenRequests = world.issuer.requests.filter(({ method }) => method === "POST");
      expect(tokenRequests.map(({ url }) => url)).toEqual([requested]);
    },
  };
}

/** Moves the token endpoint. The old one answers 404. */
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
    name: "authorization server: `issuer` is http, but https in the config",
    sees: "`issuer_mismatch`",
    requests: "2, and no token request",
    recovery: "1 s",
    async run(world) {
      const gate = await startGate(world, { cert: certificate, key: privateKey });
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
      await expectRecoveryAfter(world, () => manager.getAccessToken(), second);
      expect(credentialsSentTo(world)).toEqual([`${gate.origin}/token`]);
    },
  },
  {
    name: "authorization server: other signing algorithms than those of the key",
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
      await expectRecoveryAfter(world, () => manager.getAccessToken(), second);
      expect(credentialsSentTo(world)).toEqual([world.tokenEndpoint]);
      expect(lookups(world)).toBe(2);
    },
  },
  withSuffix("`token_endpoint` with a fragment, which is not sent", "#part", "/token"),
  withSuffix("`token_endpoint` with a query, which is sent", "?tenant=a%20b", "/token?tenant=a%20b"),
  {
    name: "authorization server: its metadata is only at the OpenID Connect location",
    sees: "a token",
    requests: "2, one for each location",
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
    requests: "one that gets a 404, one for the metadata, one at the new endpoint",
    recovery: "in the same call",
    async run(world) {
      const { origin } = world.issuer;
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      moveTokenEndpoint(world);
      const before = world.exchanges.length;
      const token = await world.until(manager.getAccessToken({ forceRefresh: true }));
      expect(token).toBe(world.issued[1]);
      const requested = world.exchanges.slice(before).map(({ url }) => url);
      expect(requested).toEqual([
        `${origin}/token`,
        `${origin}/.well-known/oauth-authorization-server`,
        `${origin}/new/token`,
      ]);
    },
  },
  {
    name: "authorization server: its token endpoint has moved, and its metadata does not say where",
    sees: "`token_request_rejected`",
    requests: "one that gets a 404, one for the metadata",
    recovery: "1 s after the metadata names the new endpoint",
    async run(world) {
      const manager = await world.manager();
      world.issuer.answer("token", (_request, response) => void response.writeHead(404).end());
      expect((await world.failure(manager.getAccessToken())).code).toBe("token_request_rejected");
      expect({ token: world.issuer.calls, metadata: lookups(world) }).toEqual({ token: 1, metadata: 2 });
      moveTokenEndpoint(world);
      await expectRecoveryAfter(world, () => manager.getAccessToken(), second);
      expect({ token: world.issuer.calls, metadata: lookups(world) }).toEqual({ token: 3, metadata: 3 });
    },
  },
  {
    name: "authorization server: its token endpoint is gone, and its metadata now names another issuer",
    sees: "its token while it is usable; then `token_request_rejected`",
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
      // The last good document still names the old token endpoint, which is gone.
      expect((await world.failure(manager.getAccessToken())).code).toBe("token_request_rejected");
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([`${origin}/token`]));
      world.issuer.answer("token", undefined);
      world.issuer.answer("metadata", undefined);
      await expectRecoveryAfter(world, () => manager.getAccessToken(), second);
      expect(new Set(credentialsSentTo(world))).toEqual(new Set([`${origin}/token`]));
    },
  },
]);

// Mutual TLS (RFC 8705) with real servers: certificates at both servers, and their replacement. grants.test.ts tests
// certificates with every grant.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startAuthorizationServer } from "../support/authorization-server.js";
import { type IssuedCertificate, selfSigned } from "../support/certificates.js";
import { startMcpServer } from "../support/mcp-server.js";
import { certificateThumbprint, subjectOf } from "../support/mutual-tls.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime } from "./harness.js";
import {
  type ClientId,
  type GrantConfig,
  type IdentityServers,
  startIdentityServers,
} from "./identity-servers.js";
import { connectClient } from "./tool-client.js";

let world: IdentityServers;
beforeAll(async () => {
  world = await startIdentityServers();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Creates a manager for a client of the world, with `more` overriding its config. */
async function managerAs(
  id: ClientId,
  more: object = {},
  setting: { url?: string; env?: object; ca?: false } = {},
) {
  const client = { ...world.client(id), ...more };
  const auth = await createTestRuntime({
    config: {
      ...(setting.ca === false ? {} : { network: world.network }),
      servers: {
        tools: {
          url: setting.url ?? world.mcp.mTLS.url,
          // Built from parts.
          grant: { client, scopes: ["read"] } as object as GrantConfig,
          retry: { attempts: 1 },
        },
      },
    },
    env: { ...world.env, ...setting.env },
  });
  return auth.resolve("tools");
}

const issuedSince = (count: number) => world.issuer.issued.slice(count);

test("a certificate without a method in the config authenticates a client that is registered for tls_client_auth", async () => {
  const before = world.issuer.tokensIssued;
  const manager = await managerAs("pki");
  expect(await (await connectClient(manager)).call("echo", "hi")).toBe("hi");
  expect(issuedSince(before)).toMatchObject([
    { clientId: "pki", certificateThumbprint: certificateThumbprint(world.identities.pki.certificate) },
  ]);
});

test("getAccessToken and getHeaders reject with sender_constrained for a certificate-bound token", async () => {
  const manager = await managerAs("pki");
  expect((await rejectionOf(manager.getAccessToken())).code).toBe("sender_constrained");
  expect((await rejectionOf(manager.getHeaders({ method: "GET", url: manager.url }))).code).toBe(
    "sender_constrained",
  );
});

test("getAccessToken and getHeaders return a token that is not bound to a certificate", async () => {
  const manager = await managerAs("pki-unbound", {}, { url: world.mcp.none.url });
  expect((await manager.getHeaders())["authorization"]).toBe(`Bearer ${await manager.getAccessToken()}`);
});

test("fifty concurrent calls with a certificate send one token request", async () => {
  const before = world.issuer.tokensIssued;
  const manager = await managerAs("pki");
  const responses = await Promise.all(Array.from({ length: 50 }, () => manager.fetch(manager.url)));
  await Promise.all(responses.map((response) => response.body?.cancel()));
  expect(responses.map(({ status }) => status)).toEqual(Array(50).fill(405));
  expect(issuedSince(before).length).toBe(1);
});

test("a certificate that was replaced in its files is presented at both servers from the next token on", async () => {
  const folder = await temporaryFolder();
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const write = (identity: IssuedCertificate) => {
    writeFileSync(cert, identity.certificate);
    writeFileSync(key, identity.privateKey);
  };
  const subject = "CN=agent, O=Acme, C=DE";
  const [first, second] = [
    await world.authority.issue({ subject, client: true }),
    await world.authority.issue({ subject, client: true }),
  ];
  write(first);
  const before = world.issuer.tokensIssued;
  const manager = await managerAs("pki", { certificate: { cert: { file: cert }, key: { file: key } } });
  const client = await connectClient(manager);
  write(second);
  expect(await client.call("echo", "old")).toBe("old");
  await manager.getToken({ forceRefresh: true });
  expect(await client.call("echo", "new")).toBe("new");
  const thumbprints = [first, second].map(({ certificate }) => certificateThumbprint(certificate));
  expect(issuedSince(before).map((token) => token.certificateThumbprint)).toEqual(thumbprints);
  expect(world.mcp.mTLS.requests.slice(-2).map((request) => request.certificateThumbprint)).toEqual(
    thumbprints,
  );
});

test("a revoked certificate-bound token is replaced by one for the same certificate", async () => {
  const before = world.issuer.tokensIssued;
  const client = await connectClient(await managerAs("pinned"));
  const [first] = issuedSince(before);
  world.mcp.mTLS.revoke(first?.jti ?? "");
  expect(await client.call("echo", "hi")).toBe("hi");
  const [, second, ...more] = issuedSince(before);
  expect([second?.certificateThumbprint, more]).toEqual([first?.certificateThumbprint, []]);
});

test("a certificate that is not registered is refused by the authorization server with invalid_client", async () => {
  const other = await selfSigned({ subject: "CN=agent" });
  const env = { PINNED_CERT: other.certificate, PINNED_KEY: other.privateKey };
  const error = await rejectionOf((await managerAs("pinned", {}, { env })).getToken());
  expect([error.code, error.oauthError]).toEqual(["token_request_rejected", "invalid_client"]);
});

test("a key of another certificate is key_invalid, and nothing is sent", async () => {
  const before = world.issuer.tokenRequests.length;
  const env = { PKI_KEY: world.identities.pinned.privateKey };
  expect((await rejectionOf((await managerAs("pki", {}, { env })).getToken())).code).toBe("key_invalid");
  expect(world.issuer.tokenRequests.length).toBe(before);
});

test("a server whose certificate authority is not in the config is tls_failed", async () => {
  const error = await rejectionOf((await managerAs("pki", {}, { ca: false })).getToken());
  expect([error.code, error.retryable]).toEqual(["tls_failed", false]);
});

test("the normal token endpoint is used if the server asks for certificates there", async () => {
  const { authority, identities } = world;
  await using issuer = await startAuthorizationServer({
    clients: [{ id: "pki", subjectDn: subjectOf(identities.pki.certificate) }],
    scopes: ["read"],
    tls: { authority, clientCertificates: "everywhere" },
  });
  await using mcp = await startMcpServer({ issuer: issuer.issuer, tls: { authority, required: true } });
  const manager = await managerAs("pki", { issuer: issuer.issuer }, { url: mcp.url });
  expect(await (await connectClient(manager)).call("echo", "hi")).toBe("hi");
  expect(issuer.tokenRequests).toMatchObject([{ url: issuer.tokenEndpoint, status: 200 }]);
});

test("requests for metadata do not present the certificate", async () => {
  await using mcp = await startMcpServer({
    issuer: world.issuer.issuer,
    tls: { authority: world.authority, required: true },
  });
  const manager = await managerAs("pki", {}, { url: mcp.url });
  await (await manager.fetch(manager.url)).body?.cancel();
  expect(
    mcp.requests.map(({ path, certificateThumbprint: presented }) => [path, presented !== undefined]),
  ).toEqual([
    ["/.well-known/oauth-protected-resource/mcp", false],
    ["/mcp", true],
  ]);
});

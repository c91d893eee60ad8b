// Known faults in what other clients send, each as a test of this package. See docs/peers.md.

import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { outcome, secret, type World, world } from "./world.js";

const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const ed = generateKeyPairSync("ed25519").privateKey;
const passphrase = "of the key";

/** Starts a manager whose client authenticates with this key, written to a file. */
async function withKey(w: World, pem: string, members: object = {}, server: object = {}) {
  const file = join(await temporaryFolder(), "key.pem");
  await writeFile(file, pem);
  return await w.start(server, { key: { privateKey: { file }, ...members } });
}

/** The assertion of the last token request. */
function assertionOf(w: World): string {
  return new URLSearchParams(w.tokenRequests.at(-1)?.body).get("client_assertion") ?? "none";
}

test.each([
  ["PKCS#1", rsa.export({ type: "pkcs1", format: "pem" }), {}],
  ["SEC1", ec.export({ type: "sec1", format: "pem" }), {}],
  [
    "encrypted PKCS#8",
    rsa.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }),
    { passphrase: { env: "PASSPHRASE" } },
  ],
  ["Ed25519", ed.export({ type: "pkcs8", format: "pem" }), {}],
])("a private key in %s is accepted (TypeScript SDK)", async (_, pem, members) => {
  const w = await world();
  w.env["PASSPHRASE"] = passphrase;
  const manager = await withKey(w, String(pem), members);
  expect(await outcome(manager.getAccessToken())).toBe("done");
});

const pkcs8 = () => String(rsa.export({ type: "pkcs8", format: "pem" }));

test("a client assertion has the `kid` of the key that signed it (TypeScript SDK)", async () => {
  const w = await world();
  await (await withKey(w, pkcs8())).getAccessToken();
  expect(String(decodeProtectedHeader(assertionOf(w)).kid)).toMatch(/^[\w-]{43}$/);
});

test("a client assertion has an unguessable `jti` (TypeScript SDK)", async () => {
  const w = await world();
  await (await withKey(w, pkcs8())).getAccessToken();
  expect(decodeJwt(assertionOf(w)).jti).toMatch(/^[\w-]{21,}$/);
});

test("the only audience of a client assertion is the issuer (RFC 7523bis)", async () => {
  const w = await world();
  await (await withKey(w, pkcs8())).getAccessToken();
  expect(decodeJwt(assertionOf(w)).aud).toBe(w.auth.origin);
});

test("a client assertion has no `nbf`, so that clock drift does not make it invalid (keycloak #8966)", async () => {
  const w = await world();
  await (await withKey(w, pkcs8())).getAccessToken();
  expect(decodeJwt(assertionOf(w))).not.toHaveProperty("nbf");
});

test("a token request that is repeated with a DPoP nonce has a new client assertion (Duende foss #323)", async () => {
  const w = await world();
  w.token = ({ headers }, response) => {
    const nonce = "a-nonce";
    const proof = headers["dpop"];
    if (typeof proof === "string" && decodeJwt(proof)["nonce"] === nonce) {
      return sendJson(response, { access_token: "bound", token_type: "DPoP", expires_in: 60 });
    }
    sendJson(response, { error: "use_dpop_nonce" }, 400, { "dpop-nonce": nonce });
  };
  const manager = await withKey(w, pkcs8(), {}, { dpop: true });
  await outcome(manager.fetch(w.url));
  const proofs = w.tokenRequests.map(({ headers }) => String(headers["dpop"]));
  expect(proofs.map((proof) => proof.split(".").length)).toEqual([3, 3]);
  const assertions = w.tokenRequests.map(({ body }) =>
    String(new URLSearchParams(body).get("client_assertion")),
  );
  for (const repeated of [proofs, assertions])
    expect(new Set(repeated.map((jwt) => decodeJwt(jwt).jti)).size).toBe(2);
});

test("client ID and secret are form-encoded in the Basic header (TypeScript SDK)", async () => {
  const w = await world();
  await (await w.start()).getAccessToken();
  const [, sent = ""] = (w.tokenRequests[0]?.headers.authorization ?? "").split(" ");
  const encoded = new URLSearchParams({ "": secret }).toString().slice(1);
  expect(Buffer.from(sent, "base64").toString()).toBe(`agent:${encoded}`);
});

test("headers for the MCP server are not sent to the token endpoint (TypeScript SDK)", async () => {
  const w = await world();
  const manager = await w.start({ headers: { "x-api-key": "for the MCP server" } });
  await manager.fetch(w.url);
  expect(w.calls[0]?.headers["x-api-key"]).toBe("for the MCP server");
  expect(w.tokenRequests[0]?.headers).not.toHaveProperty("x-api-key");
});

test("the resource is sent byte for byte (parsing the URL adds a slash)", async () => {
  const w = await world();
  w.resource = { resource: w.mcp.origin };
  await (await w.start({ url: w.mcp.origin })).getAccessToken();
  expect(new URLSearchParams(w.tokenRequests[0]?.body).get("resource")).toBe(w.mcp.origin);
});

test("the scopes of the config take precedence over those that the server lists (TypeScript SDK v2)", async () => {
  const w = await world();
  w.resource = { scopes_supported: ["read", "write", "admin"] };
  const client = { issuer: w.auth.origin, id: "agent", secret: { env: "SECRET" } };
  await (await w.start({ grant: { client, scopes: ["read"] } })).getAccessToken();
  expect(new URLSearchParams(w.tokenRequests[0]?.body).get("scope")).toBe("read");
});

test("no credential is sent when the metadata names another issuer (TypeScript SDK v1)", async () => {
  const w = await world();
  w.metadata = { issuer: "https://other.example" };
  const manager = await w.start();
  expect(await outcome(manager.getAccessToken())).toBe("failed: issuer_mismatch");
  expect(w.tokenRequests).toEqual([]);
});

test("a platform assertion is read for each token request (azure-sdk-for-rust #1739)", async () => {
  const w = await world();
  const file = join(await temporaryFolder(), "assertion");
  await writeFile(file, "e30.eyJhIjoxfQ.c2ln");
  const grant = { type: "jwt_bearer", client: { issuer: w.auth.origin }, assertion: { file } };
  const manager = await w.start({ grant });
  await manager.getAccessToken();
  await writeFile(file, "e30.eyJhIjoyfQ.c2ln");
  await manager.getAccessToken({ forceRefresh: true });
  const sent = w.tokenRequests.map(({ body }) => new URLSearchParams(body).get("assertion"));
  expect(sent).toEqual(["e30.eyJhIjoxfQ.c2ln", "e30.eyJhIjoyfQ.c2ln"]);
});

test("a redirect to another origin is not followed (Node's `fetch` forwards all headers but `Authorization`)", async () => {
  const w = await world();
  w.call = (_request, response) =>
    void response.writeHead(307, { location: `${w.auth.origin}/stolen` }).end();
  const manager = await w.start({ headers: { "x-api-key": "for the MCP server" } });
  await outcome(manager.fetch(w.url, { method: "POST", body: "{}" }));
  expect(w.auth.requests.filter(({ url }) => url === "/stolen")).toEqual([]);
});

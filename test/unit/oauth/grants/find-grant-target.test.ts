import { expect, it } from "vitest";
import { sendJson, startHttpServer } from "../../../support/http-server.js";
import {
  failureOf,
  grantFor,
  secretClient,
  serverSpec,
  signal,
  startAuthorizationServer,
} from "../fixtures.js";
import { issue } from "../sent-token-request.js";

/** Starts a server with valid metadata at the well-known URL. `named` is the document that a challenge refers to. */
async function challenged(named: (issuer: string, resource: string) => object | undefined) {
  const auth = await startAuthorizationServer(issue);
  const mcp = await startHttpServer((request, response) => {
    const resource = `${mcp.origin}/mcp`;
    const good = { resource, authorization_servers: [auth.origin], scopes_supported: ["well-known"] };
    const document = request.url === "/named" ? named(auth.origin, resource) : good;
    return document === undefined ? void response.writeHead(404).end() : sendJson(response, document);
  });
  const grant = { type: "client_credentials", client: secretClient(auth.origin) } as const;
  const challenge = { resourceMetadataUrl: `${mcp.origin}/named`, scopes: ["challenged"] };
  return {
    auth,
    get: grantFor(serverSpec(mcp.origin, grant), { challenge }),
    async [Symbol.asyncDispose]() {
      await Promise.all([auth.close(), mcp.close()]);
    },
  };
}

it.each<[string, (issuer: string, resource: string) => object | undefined]>([
  [
    "is for another resource",
    (issuer) => ({ resource: "https://other.example", authorization_servers: [issuer] }),
  ],
  ["cannot be used", () => ({})],
])("a challenge whose metadata %s does not stop a server that works otherwise", async (_, named) => {
  await using world = await challenged(named);
  const token = await world.get({ signal: signal() });
  expect([token.accessToken, token.scopes]).toEqual(["granted", ["challenged"]]);
});

it("if the metadata of a challenge no longer lists the issuer, no credential is sent", async () => {
  await using world = await challenged((_issuer, resource) => ({
    resource,
    authorization_servers: ["https://other.example"],
  }));
  const error = await failureOf(world.get({ signal: signal() }));
  expect(error).toMatchObject({ code: "issuer_mismatch", retryable: false });
  expect(error.message).toContain("it lists another one");
  expect(error.details).toEqual({ authorization_servers: ["https://other.example"] });
  expect(world.auth.tokenRequests()).toEqual([]);
});

// Servers that work. A command that names a cause for one of them is wrong.
import { generateKeyPairSync } from "node:crypto";
import { sendJson } from "../../support/http-server.js";
import { mcpAnswers } from "./mcp-answers.js";
import { type Place, publishedAt, type Scenario } from "./scenario.js";

const pem = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

const client = ({ issuer }: Place, members: object = {}) => ({
  grant: { client: { issuer, id: "crm-agent", secret: { env: "CRM_SECRET" }, ...members } },
});

export const healthyServers: readonly Scenario[] = [
  { words: "a client with a secret, and no resource metadata" },
  {
    words: "a secret with characters that are encoded",
    env: { CRM_SECRET: "a+b/c=%20 d:e" },
  },
  {
    words: "a secret that ends in a line break, as `echo` writes it",
    env: { CRM_SECRET: "s3cr3t\n" },
  },
  {
    words: "the server lists both secret methods",
    metadata: () => ({
      token_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    }),
  },
  {
    words: "the server lists only client_secret_post",
    metadata: () => ({ token_endpoint_auth_methods_supported: ["client_secret_post"] }),
  },
  {
    words: "a client with a key",
    server: ({ issuer }) => ({
      grant: { client: { issuer, id: "crm-agent", key: { privateKey: { env: "CRM_KEY" } } } },
    }),
    env: { CRM_KEY: pem },
  },
  {
    words: "OpenID metadata only",
    issuer: publishedAt("/.well-known/openid-configuration"),
  },
  {
    words: "an issuer with a path",
    issuer: publishedAt("/realms/acme/.well-known/openid-configuration", "/realms/acme"),
    server: ({ issuer, mcp }) => client({ issuer: `${issuer}/realms/acme`, mcp }),
  },
  {
    words: "an issuer that ends in a slash",
    issuer: publishedAt("/.well-known/oauth-authorization-server", "/"),
    server: ({ issuer, mcp }) => client({ issuer: `${issuer}/`, mcp }),
  },
  {
    words: "no metadata at all, and the token endpoint in the config",
    issuer: () => (_request, response) => sendJson(response, {}, 404),
    server: (place) => client(place, { metadata: { tokenEndpoint: `${place.issuer}/token` } }),
  },
  {
    words: "resource metadata for the origin, with scopes",
    mcp:
      ({ issuer, mcp }) =>
      (request, response) =>
        request.url === "/.well-known/oauth-protected-resource"
          ? sendJson(response, {
              ...{ resource: mcp, authorization_servers: [issuer] },
              scopes_supported: ["crm.read"],
            })
          : request.url === "/mcp"
            ? mcpAnswers()(request, response)
            : sendJson(response, {}, 404),
  },
  {
    words: "the server grants more scopes than were requested",
    server: (place) => ({ grant: { ...client(place).grant, scopes: ["crm.read"] } }),
    token: () => (_request, response) =>
      sendJson(response, {
        ...{ access_token: "granted", token_type: "Bearer", expires_in: 600 },
        scope: "openid crm.read",
      }),
  },
  {
    words: "the server's clock is half a minute ahead",
    ahead: 30,
  },
  {
    words: "the server does not list the grant type",
    metadata: () => ({ grant_types_supported: ["authorization_code"] }),
  },
  {
    words: "the token type is written in lower case",
    token: () => (_request, response) =>
      sendJson(response, { access_token: "granted", token_type: "bearer", expires_in: 600 }),
  },
  {
    words: "the token says no lifetime",
    token: () => (_request, response) =>
      sendJson(response, { access_token: "granted", token_type: "Bearer" }),
  },
];

// Faults that show before a token is requested: metadata, redirects, and the way to the servers.
import { type Handler, sendJson } from "../../support/http-server.js";
import { mcpAnswers } from "./mcp-answers.js";
import { type Fault, type Place, publishedAt } from "./scenario.js";

const nothing: Handler = (_request, response) => sendJson(response, {}, 404);

/** Publishes resource metadata. */
const resource =
  (members: (place: Place) => Readonly<Record<string, unknown>>) =>
  (place: Place): Handler =>
  (request, response) =>
    request.url.startsWith("/.well-known/oauth-protected-resource")
      ? sendJson(response, {
          ...{ resource: `${place.mcp}/mcp`, authorization_servers: [place.issuer] },
          ...members(place),
        })
      : mcpAnswers()(request, response);

const noMetadata =
  'If the server publishes no metadata, give the client "metadata": { "tokenEndpoint": "https://…/token" }.';
const noPath = "Check whether the issuer has a path, such as that of a realm or tenant.";

export const discoveryFaults: readonly Fault[] = [
  {
    words: "the authorization server publishes no metadata",
    named: noMetadata,
    also: [noPath],
    issuer: () => nothing,
  },
  {
    words: "the issuer lacks the path of the realm",
    named: noPath,
    also: [noMetadata],
    issuer: publishedAt("/realms/acme/.well-known/openid-configuration", "/realms/acme"),
  },
  {
    words: "the config writes the issuer without its slash",
    named: "names another issuer, which differs only by a trailing slash.",
    issuer: publishedAt("/.well-known/oauth-authorization-server", "/"),
  },
  {
    words: "Entra ID: the issuer is `common`",
    named: '"common" stands for many tenants',
    server: () => ({
      grant: {
        client: {
          issuer: "https://login.microsoftonline.com/common/v2.0",
          id: "2f1c9d84-6a35-4b7e-8c90-d1e2f3a4b5c6",
          secret: { env: "CRM_SECRET" },
        },
      },
    }),
    argv: ["validate"],
  },
  {
    words: "the MCP server names another authorization server",
    named: "its resource metadata does not list the configured issuer",
    mcp: resource(() => ({ authorization_servers: ["https://auth.example"] })),
  },
  {
    words: "the resource metadata is for the server's internal address",
    named: "its resource metadata is for another resource",
    mcp: resource(() => ({ resource: "http://localhost:3000/mcp" })),
  },
  {
    words: "the metadata names a token endpoint with http",
    named: "it is not https.",
    metadata: () => ({ token_endpoint: "http://auth.example/token" }),
  },
  {
    words: "a proxy of the environment does not answer",
    named: "HTTPS_PROXY",
    server: () => ({
      url: "https://crm.example/mcp",
      retry: { attempts: 1 },
      grant: { client: { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } } },
    }),
    env: { CRM_SECRET: "s3cr3t", HTTPS_PROXY: "http://127.0.0.1:9" },
  },
  {
    words: "the config's `metadata.tokenEndpoint` is mistyped",
    named: 'There is no token endpoint at the "tokenEndpoint" of the client\'s "metadata"',
    server: ({ issuer }) => ({
      grant: {
        client: {
          ...{ issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } },
          metadata: { tokenEndpoint: `${issuer}/tokn` },
        },
      },
    }),
  },
  {
    words: "the token endpoint redirects to the same URL with a slash",
    named: "this one adds a slash.",
    token:
      ({ issuer }) =>
      (_request, response) =>
        void response.writeHead(307, { location: `${issuer}/token/` }).end(),
  },
  {
    words: "the token endpoint answers with a login page",
    named: "such as a proxy or a login page.",
    token: () => (_request, response) =>
      void response.writeHead(200, { "content-type": "text/html" }).end("<p>Log in</p>"),
  },
  {
    words: "the token lacks a scope that the config requests",
    named: "issued a token without the scope crm.write of the config.",
    token: () => (_request, response) =>
      sendJson(response, {
        ...{ access_token: "granted", token_type: "Bearer", expires_in: 600 },
        scope: "crm.read",
      }),
    server: ({ issuer }) => ({
      grant: {
        client: { issuer, id: "crm-agent", secret: { env: "CRM_SECRET" } },
        scopes: ["crm.read", "crm.write"],
      },
    }),
  },
];

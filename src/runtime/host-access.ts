import type { ClientSpec, ServerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { TokenCache } from "../tokens/cache.js";
import { Token } from "../tokens/token.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import type { HostSeam, HostTokenRequest, HostTokenResponse } from "./seam.js";

/** The seam of a manager: what an adapter may do with its cache and its client. */
export function hostAccess(spec: ServerSpec, environment: ManagerEnvironment, cache: TokenCache): HostSeam {
  const { grant } = spec;
  const client = grant.type === "static" ? undefined : grant.client;
  const { clock } = environment;
  return {
    now: () => clock.now(),
    reject: (accessToken) => cache.reject(accessToken),
    async accept(response) {
      cache.accept(await judged(spec, response, clock.now()));
    },
    client: client && { id: client.id, issuer: client.issuer },
    scopes: grant.scopes,
    async authenticate(request) {
      if (client !== undefined) await authenticate(spec, client, environment, request);
    },
  };
}

/** A host's answer, held to what we hold our own to. */
async function judged(spec: ServerSpec, response: HostTokenResponse, now: number): Promise<Token> {
  const { name: server, grant, refresh, url } = spec;
  const { readTokenResponse } = await import("../oauth/token-response.js");
  const headers = new Headers({ "content-type": "application/json" });
  const answer = { response: { status: 200, headers, body: JSON.stringify(response) }, requestedAt: now };
  const issuer = grant.type === "static" ? undefined : grant.client.issuer;
  const credential = grant.type === "static" ? "none" : grant.client.credential.kind;
  const endpoint = { server, issuer: issuer ?? url, host: "the host", grantType: grant.type, credential };
  const issued = readTokenResponse(answer, endpoint, grant.scopes ?? [], now);
  const lifetime = issued.expiresIn === undefined ? refresh.assumedLifetime : issued.expiresIn * 1_000;
  return new Token({ ...issued, requestedAt: now, expiresAt: now + lifetime, issuer, resource: url });
}

/** Adds the credential to a request that goes where the config says, and refuses any other. */
async function authenticate(
  spec: ServerSpec,
  client: ClientSpec,
  environment: ManagerEnvironment,
  request: HostTokenRequest,
): Promise<void> {
  const { name: server, timeout, url } = spec;
  const { metadata, env, clock } = environment;
  const { issuer } = client;
  if (request.issuer !== undefined && request.issuer !== issuer) throw elsewhere(server);
  const rules = { server, configured: [url, issuer] };
  const authorizationServer = await metadata.authorizationServer(issuer, { server, timeout, rules });
  if (!sameUrl(request.url, authorizationServer.token_endpoint)) throw elsewhere(server);
  const { authenticateClient } = await import("../oauth/client-authentication.js");
  const add = await authenticateClient(client, authorizationServer, { server, env, clock });
  await add({ ...authorizationServer }, { client_id: client.id }, request.body, request.headers);
}

function sameUrl(a: string, b: string): boolean {
  return URL.canParse(a) && URL.canParse(b) && new URL(a).href === new URL(b).href;
}

function elsewhere(server: string): McpAuthError {
  return new McpAuthError(
    "issuer_mismatch",
    `The host wanted to send the credential for server "${server}" to another token endpoint than that of the ` +
      "issuer in the config; nothing was sent. Check which authorization server the MCP server names.",
    { server },
  );
}

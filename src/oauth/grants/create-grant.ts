import type { ServerSpec } from "../../config/spec.js";
import { McpAuthError, type McpAuthErrorCode } from "../../errors/error.js";
import { clientCredentials } from "./client-credentials.js";
import { enterpriseManaged } from "./enterprise-managed.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { jwtBearer } from "./jwt-bearer.js";
import { metadataHeaders } from "./metadata-headers.js";
import { refreshToken } from "./refresh-token.js";
import { staticToken } from "./static-token.js";
import { tokenExchange } from "./token-exchange.js";

export type { GrantEnvironment } from "./grant-environment.js";

/** What is wrong with what servers say of themselves, or with what we make of it. */
const ofMetadata: ReadonlySet<McpAuthErrorCode> = new Set([
  "discovery_failed",
  "insecure_url",
  "issuer_mismatch",
  "resource_mismatch",
  "unsupported_by_server",
]);

/** The grant of a server. Nothing is read and nothing is sent before it is called. */
export function createGrant(spec: ServerSpec, environment: GrantEnvironment): Grant {
  const grant = grantOf(spec, environment);
  return async (attempt) => {
    try {
      return await grant(attempt);
    } catch (error) {
      // Whoever runs those servers may be mending it: the next attempt is to see that, and not in an hour.
      if (error instanceof McpAuthError && ofMetadata.has(error.code)) expireMetadata(spec, environment);
      throw error;
    }
  };
}

/** What is known serves until something better is found: a server that is being mended may answer anything. */
function expireMetadata(spec: ServerSpec, environment: GrantEnvironment): void {
  const { url, grant, resourceMetadata } = spec;
  if (grant.type === "static") return;
  const { metadata } = environment;
  if (resourceMetadata !== false) {
    metadata.expireResource({ url, resourceMetadata, headers: metadataHeaders(spec, environment) });
  }
  metadata.expireAuthorizationServer(grant.client.issuer);
  if (grant.type === "enterprise_managed") metadata.expireAuthorizationServer(grant.idp.client.issuer);
}

function grantOf(spec: ServerSpec, environment: GrantEnvironment): Grant {
  const { grant } = spec;
  switch (grant.type) {
    case "client_credentials":
      return clientCredentials(spec, grant, environment);
    case "jwt_bearer":
      return jwtBearer(spec, grant, environment);
    case "token_exchange":
      return tokenExchange(spec, grant, environment);
    case "enterprise_managed":
      return enterpriseManaged(spec, grant, environment);
    case "refresh_token":
      return refreshToken(spec, grant, environment);
    case "static":
      return staticToken(spec, grant, environment);
  }
}

import type { ServerSpec } from "../config/spec.js";
import { clientCredentials } from "./client-credentials.js";
import { enterpriseManaged } from "./enterprise-managed.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { jwtBearer } from "./jwt-bearer.js";
import { staticToken } from "./static-token.js";
import { tokenExchange } from "./token-exchange.js";

export type { GrantEnvironment } from "./grant-environment.js";

/** The grant of a server. Nothing is read and nothing is sent before it is called. */
export function createGrant(spec: ServerSpec, environment: GrantEnvironment): Grant {
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
    case "static":
      return staticToken(spec, grant, environment);
  }
}

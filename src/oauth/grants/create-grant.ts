import type { GrantSpec } from "../../config/spec.js";
import { unreachable } from "../../lib/unreachable.js";
import type { Grant } from "../attempt.js";
import { clientCredentials } from "./client-credentials.js";
import { enterpriseManaged } from "./enterprise-managed.js";
import { extension } from "./extension.js";
import { jwtBearer } from "./jwt-bearer.js";
import { refreshToken } from "./refresh-token.js";
import { staticToken } from "./static.js";
import { tokenExchange } from "./token-exchange.js";

/** Creates the grant of a server. Nothing is read or sent until the grant is called. */
export function createGrant(grant: GrantSpec): Grant {
  switch (grant.type) {
    case "client_credentials":
      return clientCredentials(grant);
    case "jwt_bearer":
      return jwtBearer(grant);
    case "token_exchange":
      return tokenExchange(grant);
    case "enterprise_managed":
      return enterpriseManaged(grant);
    case "refresh_token":
      return refreshToken(grant);
    case "extension":
      return extension(grant);
    case "static":
      return staticToken(grant);
    default:
      return unreachable(grant);
  }
}

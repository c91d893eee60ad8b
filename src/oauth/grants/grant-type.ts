import type { GrantSpec } from "../../config/spec.js";
import { unreachable } from "../../lib/unreachable.js";
import { jwtBearerGrantType } from "./jwt-bearer.js";
import { tokenExchangeGrantType } from "./subject-token.js";

/** The `grant_type` of a token request after a person has signed in, RFC 8628 §3.4. */
export const deviceCodeGrantType = "urn:ietf:params:oauth:grant-type:device_code";

/** Returns the `grant_type` of the request to the authorization server of the MCP server. */
export function grantTypeOf(grant: Exclude<GrantSpec, { type: "static" }>): string {
  switch (grant.type) {
    case "client_credentials":
    case "refresh_token":
      return grant.type;
    case "jwt_bearer":
    case "enterprise_managed":
      return jwtBearerGrantType;
    case "token_exchange":
      return tokenExchangeGrantType;
    case "extension":
      return grant.grantType;
    default:
      return unreachable(grant);
  }
}

import { jwtBearerGrant, type ProductRequest, tokenRequest } from "../../support/stand-in/product.js";

/** An authorization server that trusts the tokens of a platform, as the configs on the pages name it. */
export const trustingIssuer = "https://auth.example.com";

export const trustingMetadata = {
  [`${trustingIssuer}/.well-known/oauth-authorization-server`]: {
    issuer: trustingIssuer,
    token_endpoint: `${trustingIssuer}/token`,
    grant_types_supported: [jwtBearerGrant],
  },
};

/** The token request that presents the token of a platform. */
export function platformRequest(token: string, scope: string, resource: string): ProductRequest {
  return tokenRequest(`${trustingIssuer}/token`, [
    ["grant_type", jwtBearerGrant],
    ["scope", scope],
    ["assertion", token],
    ["resource", resource],
  ]);
}

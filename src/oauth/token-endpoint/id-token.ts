import { longestLifetime } from "../../lib/duration.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import type { IssuedToken } from "../issued-token.js";
import { isHeaderSafe } from "./header-safe.js";
import type { SuccessfulResponse } from "./successful-response.js";

const idTokenType = "urn:ietf:params:oauth:token-type:id_token";

/**
 * Returns the ID token of a response, for an MCP server that accepts ID tokens. It must be for one of `audiences`. Its
 * lifetime is `exp` minus `iat`, which does not depend on our clock; `expires_in` is that of the access token. The
 * signature is not verified: the token comes directly from its issuer over TLS (OpenID Connect Core §3.1.3.7, point 6),
 * and the MCP server verifies it.
 */
export function readIdToken(
  { members, invalid }: SuccessfulResponse,
  audiences: readonly string[],
): Required<Pick<IssuedToken, "accessToken" | "expiresIn">> {
  const { id_token: token, issued_token_type } = members;
  if (typeof token !== "string" || token === "") {
    throw invalid(
      issued_token_type === idTokenType
        ? 'it has no "id_token": its "access_token" is the ID token. Remove "use" from the grant.'
        : 'it has no "id_token". Request one, usually with the scope openid, or remove "use" from the grant.',
    );
  }
  const claims = jwtClaims(token);
  if (claims === undefined || !isHeaderSafe(token)) throw invalid('its "id_token" is not a signed JWT.');
  const { aud, exp, iat } = claims;
  const tokenAudiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((audience) => tokenAudiences.includes(audience))) {
    throw invalid(
      `its "id_token" is not for ${audiences.map((each) => JSON.stringify(each)).join(" or ")}. Set "audience" of the ` +
        'grant, or the claim "target_audience" of its assertion, to the audience that the MCP server expects.',
      { aud },
    );
  }
  if (typeof exp !== "number" || typeof iat !== "number" || !(exp > iat)) {
    throw invalid('its "id_token" has no lifetime: it needs "iat" and a later "exp".');
  }
  return { accessToken: token, expiresIn: Math.min(exp - iat, longestLifetime) };
}

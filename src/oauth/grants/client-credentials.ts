import type { ClientCredentialsSpec } from "../../config/spec.js";
import type { Grant } from "../attempt.js";
import { tokenGrant } from "./token-grant.js";

/**
 * Creates the client credentials grant, RFC 6749 §4.4: a token for the client itself. Rejects with the codes of
 * `tokenGrant`.
 */
export function clientCredentials(grant: ClientCredentialsSpec): Grant {
  return tokenGrant(grant, { grantType: "client_credentials", presents: "client" });
}

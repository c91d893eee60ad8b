import type { ClientCredentialsSpec, ServerSpec } from "../../config/spec.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { tokenGrant } from "./token-grant.js";

/** RFC 6749 §4.4: a token for the client itself. Rejects with the codes of `tokenGrant`. */
export function clientCredentials(
  spec: ServerSpec,
  grant: ClientCredentialsSpec,
  environment: GrantEnvironment,
): Grant {
  return tokenGrant(spec, grant, environment, { grantType: "client_credentials", presents: "client" });
}

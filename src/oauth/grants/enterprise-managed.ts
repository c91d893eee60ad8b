import type { EnterpriseManagedSpec, ServerSpec } from "../../config/spec.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { requestIdJag } from "./id-jag.js";
import { jwtBearerGrantType } from "./jwt-bearer.js";
import { tokenGrant } from "./token-grant.js";

/**
 * SEP-990, in two legs, each a client of its own: the identity provider issues an ID-JAG for the user, and the MCP
 * server's authorization server a token for that (RFC 7523 §2.1). An ID-JAG is used for one request. Rejects with the
 * codes of `requestIdJag` and `tokenGrant`.
 */
export function enterpriseManaged(
  spec: ServerSpec,
  grant: EnterpriseManagedSpec,
  environment: GrantEnvironment,
): Grant {
  return tokenGrant(spec, grant, environment, {
    grantType: jwtBearerGrantType,
    presents: "id_jag",
    idp: grant.idp.client.issuer,
    async present(request) {
      const { assertion, scopes } = await requestIdJag(spec, grant, environment, request);
      return { fields: [["assertion", assertion.reveal()]], scopes };
    },
  });
}

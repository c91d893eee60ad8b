import type { EnterpriseManagedSpec } from "../../config/spec.js";
import type { Grant } from "../attempt.js";
import { requestIdJag } from "./id-jag.js";
import { jwtBearerGrantType } from "./jwt-bearer.js";
import { tokenGrant } from "./token-grant.js";

/**
 * Creates the enterprise-managed grant, SEP-990. It sends two requests, each with its own client: the identity provider
 * issues an ID-JAG for the user, and the MCP server's authorization server issues a token for the ID-JAG (RFC 7523
 * §2.1). Each attempt requests a new ID-JAG. Rejects with the codes of `requestIdJag` and `tokenGrant`.
 */
export function enterpriseManaged(grant: EnterpriseManagedSpec): Grant {
  return tokenGrant(grant, {
    grantType: jwtBearerGrantType,
    presents: "id_jag",
    idp: grant.idp.client.issuer,
    async readOwnFields({ target, scopes }, attempt) {
      const idJag = await requestIdJag(grant.idp, { target, scopes }, attempt);
      // An empty list in the config means no `scope`, whatever the identity provider names.
      const sendsNone = grant.scopes?.length === 0 && scopes.length === 0;
      return { fields: [["assertion", idJag.assertion.reveal()]], scopes: sendsNone ? [] : idJag.scopes };
    },
  });
}

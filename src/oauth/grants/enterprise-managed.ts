import type { EnterpriseManagedSpec } from "../../config/spec.js";
import type { Grant } from "../attempt.js";
import { requestIdJag } from "./id-jag.js";
import { jwtBearerGrantType } from "./jwt-bearer.js";
import { tokenGrant } from "./token-grant.js";

/**
 * SEP-990, in two requests, each as a client of its own: the identity provider issues an ID-JAG for the user, and the MCP
 * server's authorization server a token for that (RFC 7523 §2.1). An ID-JAG is used for one request. Rejects with the
 * codes of `requestIdJag` and `tokenGrant`.
 */
export function enterpriseManaged(grant: EnterpriseManagedSpec): Grant {
  return tokenGrant(grant, {
    grantType: jwtBearerGrantType,
    presents: "id_jag",
    idp: grant.idp.client.issuer,
    async present({ target, scopes }, attempt) {
      const granted = await requestIdJag(grant.idp, { target, scopes }, attempt);
      return { fields: [["assertion", granted.assertion.reveal()]], scopes: granted.scopes };
    },
  });
}

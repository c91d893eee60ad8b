import type { TokenExchangeSpec } from "../../config/spec.js";
import type { Grant } from "../attempt.js";
import type { TokenField } from "../token-endpoint/token-request.js";
import { readSubjectToken, tokenExchangeGrantType } from "./subject-token.js";
import { tokenGrant } from "./token-grant.js";

/** The types of tokens that an MCP server accepts, RFC 8693 §3. */
const accessTokens = [
  "urn:ietf:params:oauth:token-type:access_token",
  "urn:ietf:params:oauth:token-type:jwt",
];

/**
 * Creates the token exchange grant, RFC 8693: exchanges the token of a user or of another service for a token for the
 * MCP server. The request authenticates a client only if the config has its `id`. Rejects with the codes of `tokenGrant`
 * and `readSubjectToken`.
 */
export function tokenExchange(grant: TokenExchangeSpec): Grant {
  const { subject, actor, requestedType } = grant;
  return tokenGrant(grant, {
    grantType: tokenExchangeGrantType,
    presents: subject === undefined ? "params" : "subject_token",
    hasActor: actor !== undefined,
    // The config may request another type.
    issuedTypes: requestedType === undefined ? accessTokens : [...accessTokens, requestedType],
    requestedType,
    async readOwnFields(_request, attempt) {
      const fields: TokenField[] = [];
      if (subject !== undefined) {
        const token = await readSubjectToken(subject, attempt.manager.subject, attempt);
        fields.push(["subject_token", token.reveal()], ["subject_token_type", subject.type]);
      }
      if (actor !== undefined) {
        // `for()` passes only a subject token, never an actor token.
        const actorToken = await readSubjectToken(actor, undefined, attempt);
        fields.push(["actor_token", actorToken.reveal()], ["actor_token_type", actor.type]);
      }
      if (requestedType !== undefined) fields.push(["requested_token_type", requestedType]);
      return { fields };
    },
  });
}

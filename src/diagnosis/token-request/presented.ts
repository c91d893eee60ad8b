import { unreachable } from "../../lib/unreachable.js";
import type { Presented, RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { audienceInWords, kidInWords } from "./names.js";

/** The token or assertion that the request presents may be wrong. Returns `undefined` if it presents none. */
export function checkPresented({ endpoint }: RejectedRequest): Finding | undefined {
  const { issuer, grantType, presents, idp, sent } = endpoint;
  switch (presents) {
    case "client":
      return undefined;
    case "platform_assertion":
      return {
        id: "platform_token",
        cause: "It does not accept the platform's token.",
        remedy:
          `Check that ${issuer} trusts its issuer, for this subject, and that the platform issues it for the audience ` +
          "that is expected there and renews it in time.",
      };
    case "signed_assertion": {
      const assertion = sent?.assertion;
      const kid = assertion === undefined ? 'the "kid" that is sent' : kidInWords(assertion);
      const audience = assertion === undefined ? "" : ` (it was for ${audienceInWords(assertion)})`;
      return {
        id: "signed_assertion",
        cause: "It does not accept the assertion.",
        remedy:
          `Check the "issuer", "subject" and "audience" of the grant's "assertion"${audience}, and that ${issuer} has ` +
          `the public half of its key, with ${kid}.`,
      };
    }
    case "user_assertion":
      return {
        id: "user_assertion",
        cause: "It does not accept the user's token that was passed to `for()`.",
        remedy:
          "Check that the token has not expired, that it was issued for this client (its audience), and that " +
          `${issuer} allows this client to act for users.`,
      };
    case "subject_token":
      return {
        id: "subject_token",
        cause: 'It does not accept the "subject" of the grant, or its "actor".',
        remedy:
          `Check that the token has not expired, that its "type" is right, and that ${issuer} trusts its issuer and ` +
          "allows this client to exchange it.",
      };
    case "params":
      return {
        id: "params",
        cause: 'It does not accept the "params" of the grant.',
        remedy:
          `Check that they are those that ${issuer} requires for the grant type ${grantType}, and that their values are ` +
          "right and have not expired.",
      };
    case "refresh_token":
      return {
        id: "refresh_token",
        cause:
          "It does not accept the refresh token: it has expired, was revoked or used elsewhere, or belongs to another client.",
        remedy: `Get a new one from ${issuer} and put it where the grant's "refreshToken" is read; it replaces the stored one.`,
      };
    case "identity":
      return {
        id: "identity",
        cause: `The identity provider ${issuer} does not accept the user's token.`,
        remedy:
          'Check that it has not expired (then the user has to sign in again), that its "type" is right, and that it ' +
          'was issued to this client of "idp".',
      };
    case "id_jag":
      return {
        id: "id_jag",
        cause: `It does not accept what the identity provider ${idp ?? "of the config"} issued.`,
        remedy:
          `Check that ${issuer} trusts that identity provider, and that the identity provider knows this client by ` +
          'its "id" there.',
      };
    default:
      return unreachable(presents);
  }
}

const exchanged: ReadonlySet<Presented> = new Set(["subject_token", "identity", "params"]);

/** RFC 8693 §2.2.2: servers also reject the subject or actor token with `invalid_request`. */
export function checkExchangedToken(request: RejectedRequest): Finding | undefined {
  return exchanged.has(request.endpoint.presents) ? checkPresented(request) : undefined;
}

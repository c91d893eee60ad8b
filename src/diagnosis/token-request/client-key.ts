import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { audienceInWords, kidInWords, ownerOf } from "./names.js";

/** The server may not know the key, or may know it by another `kid`. */
export function checkKeyRegistration({ endpoint }: RejectedRequest): Finding | undefined {
  const { issuer, credential, hasIdDocument, sent } = endpoint;
  if (credential !== "key") return undefined;
  const owner = ownerOf(endpoint);
  if (hasIdDocument === true) {
    return {
      id: "id_document",
      remedy:
        `Check that ${issuer} accepts URLs of client id metadata documents as ids and can fetch the one at ` +
        `${owner} "id", that the document names the method private_key_jwt and the public half of this key, and ` +
        'that both have the same "kid".',
    };
  }
  const assertion = sent?.authentication?.assertion;
  const kid = assertion === undefined ? 'the "kid" that is sent' : kidInWords(assertion);
  const otherKid =
    assertion !== undefined && assertion.kid === undefined
      ? '(or set the key\'s "kid" to the registered one)'
      : '(or set the key\'s "kid" to the registered one, or to false)';
  return {
    id: "key_not_registered",
    remedy: `Check ${owner} "id", and that ${issuer} has the public half of this key, with ${kid} ${otherKid}.`,
  };
}

/** The server may expect the other audience: RFC 7523 allows its issuer and its token endpoint. */
export function checkAssertionAudience({ endpoint }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const other = assertion.audience === "issuer" ? "token_endpoint" : "issuer";
  return {
    id: "assertion_audience",
    remedy:
      `Try ${ownerOf(endpoint)} "assertionAudience": "${other}", because the assertion was for ` +
      `${audienceInWords(assertion)}.`,
  };
}

/** The server may accept only another `typ` or `alg` of client assertions. */
export function checkAssertionHeader({ endpoint }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const { typ, alg } = assertion;
  const otherType = typ === "JWT" ? "client-authentication+jwt" : "JWT";
  const sentType = typ === "JWT" || typ === "client-authentication+jwt" ? typ : "of the config";
  return {
    id: "assertion_header",
    remedy:
      `Try ${ownerOf(endpoint)} "assertionType": "${otherType}", or another "alg" of the key: the assertion had the type ` +
      `${sentType} and the algorithm ${alg}.`,
  };
}

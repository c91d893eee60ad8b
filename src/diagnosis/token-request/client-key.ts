import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { isAbout } from "./clues.js";
import { audienceInWords, kidInWords, otherKidInWords, ownerOf } from "./names.js";

/** The server may not know the key, or may know it by another `kid`. */
export function checkKeyRegistration({ endpoint, rejection }: RejectedRequest): Finding | undefined {
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
  const kid = kidInWords(assertion);
  const first = isAbout(rejection, "key")
    ? `Register the public half of this key at ${issuer}, with ${kid}.`
    : `Check ${owner} "id", and that ${issuer} has the public half of this key, with ${kid}.`;
  return { id: "key_not_registered", remedy: `${first} ${otherKidInWords(assertion)}` };
}

/** The server may expect the other audience: RFC 7523 allows its issuer and its token endpoint. */
export function checkAssertionAudience({ endpoint }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const other = assertion.audience === "issuer" ? "token_endpoint" : "issuer";
  return {
    id: "assertion_audience",
    remedy:
      `Try ${ownerOf(endpoint)} "assertionAudience": "${other}" (the assertion was for ` +
      `${audienceInWords(assertion)}).`,
  };
}

/** The server may accept only another `typ` or `alg` of client assertions. */
export function checkAssertionHeader({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const { typ, alg } = assertion;
  const id = "assertion_header";
  const otherType = typ === "JWT" ? "client-authentication+jwt" : "JWT";
  const sentType = typ === "JWT" || typ === "client-authentication+jwt" ? typ : "that of the config";
  const tryType = `Try ${ownerOf(endpoint)} "assertionType": "${otherType}" (it was ${sentType})`;
  if (isAbout(rejection, "type")) return { id, remedy: `${tryType}.` };
  // Only an RSA key can sign with several algorithms.
  const isRsa = /^[RP]S/.test(alg);
  if (!isAbout(rejection, "algorithm")) {
    const other = isRsa ? 'another "alg" of the key' : "a key for another algorithm";
    return { id, remedy: `${tryType}, or ${other} (it was ${alg}).` };
  }
  return {
    id,
    remedy: isRsa
      ? `Set the key's "alg" to one that the server accepts: it was ${alg}.`
      : `Use a key for an algorithm that the server accepts: it was ${alg}.`,
  };
}

import type { RejectedRequest } from "../facts.js";
import { type Finding, findingToTry } from "../finding.js";
import { trialInWords } from "../trial-in-words.js";
import { isAbout } from "./clues.js";
import {
  algorithmTrials,
  atIdp,
  audienceInWords,
  clientTrial,
  kidInWords,
  kidTrials,
  otherKidInWords,
  ownerOf,
} from "./names.js";

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
    ? `Register the public half of this key (npx mcp-auth-runtime keys jwks prints it) at ${issuer}, with ${kid}.`
    : `Check ${owner} "id", and that ${issuer} has the public half of this key (npx mcp-auth-runtime keys jwks prints it), with ${kid}.`;
  return {
    id: "key_not_registered",
    remedy: `${first} ${otherKidInWords(assertion)}`,
    remains: `${first} Or set the key's "kid" to the registered one.`,
    trials: kidTrials({ place: "key", ...atIdp(endpoint) }, assertion),
  };
}

/** The server may expect the other audience: RFC 7523 allows its issuer and its token endpoint. */
export function checkAssertionAudience({ endpoint }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const other = assertion.audience === "issuer" ? "token_endpoint" : "issuer";
  const trial = clientTrial(endpoint, "assertionAudience", other);
  const attempt = `${trialInWords(trial)} (the assertion was for ${audienceInWords(assertion)})`;
  return findingToTry("assertion_audience", attempt, [trial]);
}

/** The server may accept only another `typ` or `alg` of client assertions. */
export function checkAssertionHeader({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const assertion = endpoint.sent?.authentication?.assertion;
  if (assertion === undefined) return undefined;
  const { typ, alg } = assertion;
  const id = "assertion_header";
  const otherType = typ === "JWT" ? "client-authentication+jwt" : "JWT";
  const sentType = typ === "JWT" || typ === "client-authentication+jwt" ? typ : "that of the config";
  const typeTrial = clientTrial(endpoint, "assertionType", otherType);
  const tryType = `${trialInWords(typeTrial)} (it was ${sentType})`;
  if (isAbout(rejection, "type")) return findingToTry(id, tryType, [typeTrial]);
  // Only an RSA key can sign with several algorithms.
  const isRsa = /^[RP]S/.test(alg);
  const algTrials = algorithmTrials({ place: "key", ...atIdp(endpoint) }, assertion);
  if (!isAbout(rejection, "algorithm")) {
    const other = isRsa ? 'another "alg" of the key' : "a key for another algorithm";
    return findingToTry(id, `${tryType}, or ${other} (it was ${alg})`, [typeTrial, ...algTrials]);
  }
  return {
    id,
    remedy: isRsa
      ? `Set the key's "alg" to one that the server accepts: it was ${alg}.`
      : `Use a key for an algorithm that the server accepts: it was ${alg}.`,
    trials: algTrials,
  };
}

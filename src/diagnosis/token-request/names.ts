import type { PropertyTrial } from "../../errors/trial.js";
import { printable } from "../../lib/printable.js";
import type { AssertionFacts, TokenEndpoint } from "../facts.js";
import { trialOwner } from "../trial-in-words.js";

/** Returns the client that sent the request, as an owner: `the client's`. */
export function ownerOf(endpoint: Pick<TokenEndpoint, "presents">): string {
  return trialOwner({ place: "client", ...atIdp(endpoint) });
}

/** Returns the change of a property of the client that sent the request, or of its key. */
export function clientTrial(
  endpoint: Pick<TokenEndpoint, "presents">,
  property: "method" | "basicEncoding" | "assertionAudience" | "assertionType",
  value: string | undefined,
): PropertyTrial {
  return { place: "client", ...atIdp(endpoint), property, value };
}

/** Returns what tells the client of `idp` apart in a trial. */
export function atIdp({ presents }: Pick<TokenEndpoint, "presents">): { readonly isAtIdp?: true } {
  return presents === "identity" ? { isAtIdp: true } : {};
}

/** Returns the authorization server as the beginning of a sentence. */
export function serverOf({ issuer, presents }: Pick<TokenEndpoint, "issuer" | "presents">): string {
  return `The ${presents === "identity" ? "identity provider" : "authorization server"} ${issuer}`;
}

type Kid = Pick<AssertionFacts, "kid" | "kidFrom">;

/** Returns the `kid` of an assertion for a sentence: `the "kid" abc, its thumbprint`. */
export function kidInWords(assertion: Kid | undefined): string {
  if (assertion === undefined) return 'the "kid" that is sent';
  const { kid, kidFrom } = assertion;
  if (kid === undefined) return 'no "kid"';
  const shown = printable(kid.length > 100 ? `${kid.slice(0, 100)}…` : kid);
  switch (kidFrom) {
    case "config":
      return `the "kid" ${shown} of the config`;
    case "jwk":
      return `the "kid" ${shown} of the JWK`;
    case "thumbprint":
      return `the "kid" ${shown}, its thumbprint`;
    case undefined:
      return `the "kid" ${shown}`;
  }
}

/** Returns what to do if the server knows the key by another `kid` than that of the assertion. */
export function otherKidInWords(assertion: Kid | undefined): string {
  const set = 'Or set the key\'s "kid" to the registered one';
  return sendsNoKid(assertion)
    ? `${set}.`
    : `${set}; if it is registered without one, set it to false, which sends none.`;
}

/** Returns the changes that `otherKidInWords` and the like name: no `kid`, or the key's own one. */
export function kidTrials(
  place: Pick<PropertyTrial, "place" | "isAtIdp">,
  assertion: Kid | undefined,
): readonly PropertyTrial[] {
  if (sendsNoKid(assertion)) return [];
  const none = { ...place, property: "kid", value: false };
  return assertion?.kidFrom === "config" ? [none, { ...none, value: undefined }] : [none];
}

function sendsNoKid(assertion: Kid | undefined): boolean {
  return assertion !== undefined && assertion.kid === undefined;
}

/** Returns the audience of an assertion without a value that a server chose: "the issuer". */
export function audienceInWords({ audience }: Pick<AssertionFacts, "audience">): string {
  if (audience === "issuer") return "the issuer";
  return audience === "token_endpoint" ? "the token endpoint" : printable(audience);
}

/** Returns the other algorithm that servers commonly expect of an RSA key. Other keys have only one. */
export function algorithmTrials(
  place: Pick<PropertyTrial, "place" | "isAtIdp">,
  assertion: Pick<AssertionFacts, "alg"> | undefined,
): readonly PropertyTrial[] {
  if (assertion === undefined || !/^[RP]S/.test(assertion.alg)) return [];
  return ["RS256", "PS256"]
    .filter((other) => other !== assertion.alg)
    .map((value) => ({ ...place, property: "alg", value }));
}

/** Returns the other audience that RFC 7523 allows for the assertion of a grant. */
export function audienceTrials(
  assertion: Pick<AssertionFacts, "audience"> | undefined,
): readonly PropertyTrial[] {
  if (assertion === undefined) return [];
  const value = assertion.audience === "issuer" ? "token_endpoint" : "issuer";
  return [{ place: "assertion", property: "audience", value }];
}

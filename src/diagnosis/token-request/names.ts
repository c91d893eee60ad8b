import { printable } from "../../lib/printable.js";
import type { AssertionFacts, TokenEndpoint } from "../facts.js";

/** Returns the client that sent the request, as an owner: `the client's`. */
export function ownerOf({ presents }: Pick<TokenEndpoint, "presents">): string {
  return presents === "identity" ? 'the "idp" client\'s' : "the client's";
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
  return assertion !== undefined && assertion.kid === undefined
    ? `${set}.`
    : `${set}; if it is registered without one, set it to false, which sends none.`;
}

/** Returns the audience of an assertion without a value that a server chose: "the issuer". */
export function audienceInWords({ audience }: Pick<AssertionFacts, "audience">): string {
  if (audience === "issuer") return "the issuer";
  return audience === "token_endpoint" ? "the token endpoint" : printable(audience);
}

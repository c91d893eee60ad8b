import { printable } from "../lib/printable.js";
import type { Finding } from "./finding.js";

/** Scopes that a token request named, and those of the token. */
export interface GrantedScopes {
  readonly issuer: string;
  /** Those of the request that the config has too. */
  readonly requested: readonly string[];
  readonly granted: readonly string[];
}

/**
 * These do not come back by design: the first three ask for other tokens or claims, and a scope of Entra ID that ends in
 * `/.default` stands for others.
 */
const neverGranted = /^(?:openid|profile|email|offline_access|.*\/\.default)$/;

/**
 * Checks whether the authorization server granted all scopes that the config requests. RFC 6749 §3.3 lets it leave out
 * some without an error.
 */
export function checkDroppedScopes({ issuer, requested, granted }: GrantedScopes): Finding | undefined {
  const dropped = requested.filter((scope) => !granted.includes(scope) && !neverGranted.test(scope));
  if (dropped.length === 0) return undefined;
  const names = printable(dropped.join(" "));
  return {
    id: "scopes_dropped",
    cause: `${issuer} issued a token without ${dropped.length === 1 ? "the scope" : "the scopes"} ${names} of the config.`,
    remedy: `Allow this client to request ${dropped.length === 1 ? "it" : "them"} there, or remove ${dropped.length === 1 ? "it" : "them"} from the config.`,
  };
}

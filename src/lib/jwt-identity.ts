import { jwtClaims } from "./jwt-claims.js";

/** Claims that differ between tokens of the same party. Entra ID has the last two instead of `jti`. */
const timeClaims = new Set(["iat", "exp", "nbf", "jti", "uti", "aio"]);

/** Returns the claims of a JWT that identify its party: all except its times, by name; `undefined` for other tokens. */
export function identityClaims(
  token: string,
): readonly (readonly [name: string, value: unknown])[] | undefined {
  const claims = jwtClaims(token);
  if (claims === undefined) return undefined;
  return Object.entries(claims)
    .filter(([name]) => !timeClaims.has(name))
    .map(([name, value]) => [name, name === "kubernetes.io" ? serviceAccountOf(value) : value] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Returns the claim of a Kubernetes token without what differs between the pods of a service account, whose replicas
 * share tokens: the party that an authorization server trusts is the account.
 */
function serviceAccountOf(claim: unknown): unknown {
  if (typeof claim !== "object" || claim === null) return claim;
  const {
    pod: _pod,
    node: _node,
    warnafter: _warnAfter,
    ...account
  } = Object.fromEntries(Object.entries(claim));
  return account;
}

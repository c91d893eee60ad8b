import type { GrantSpec } from "../config/spec.js";

/**
 * Returns the values of the config that may be the `aud` of an ID token: the audience of the grant and the claim
 * `target_audience` of an assertion that we sign (Google). Without them, the client id, which OpenID Connect Core §2
 * puts there.
 */
export function idTokenAudiences(grant: GrantSpec): readonly string[] {
  if (grant.type === "static") return [];
  const named = [...grant.audience, ...targetAudiences(grant)];
  if (named.length > 0) return named;
  return grant.client.id === undefined ? [] : [grant.client.id];
}

function targetAudiences(grant: GrantSpec): readonly string[] {
  if (grant.type !== "jwt_bearer" || grant.assertion.kind !== "signed") return [];
  const target = grant.assertion.claims["target_audience"];
  const values: readonly unknown[] = Array.isArray(target) ? target : [target];
  return values.filter((each) => typeof each === "string");
}

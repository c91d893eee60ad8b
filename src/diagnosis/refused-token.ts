import type { ServerSpec } from "../config/spec.js";
import { parseChallenges } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { jwtClaims } from "../lib/jwt-claims.js";
import { printable } from "../lib/printable.js";

/** The members of a token that tell why a server may refuse it. */
export interface RefusedToken {
  readonly accessToken: string;
  readonly scopes: readonly string[];
  readonly resource?: string | undefined;
}

export interface RefusedNewToken {
  readonly token: RefusedToken;
  /** The `WWW-Authenticate` header of the response. */
  readonly challenge: string | null;
}

/** What was requested, as far as the config says it: nothing that a server chose. */
interface Requested {
  readonly issuer: string | undefined;
  readonly resource: string | undefined;
  readonly audience: readonly string[];
  readonly scopes: readonly string[] | undefined;
}

/**
 * `unauthorized`, for a server that refuses new tokens too. The message has what the config says about the token, and what to
 * change; `details` have what the token and the server say.
 */
export function refusedTokenError(
  spec: ServerSpec,
  target: Target | undefined,
  { token, challenge }: RefusedNewToken,
): McpAuthError {
  const claims = jwtClaims(token.accessToken);
  const parameters = parametersOf(challenge);
  const requested = requestedBy(spec, token);
  const advice = adviceFor(spec, { requested, token, claims, parameters, target });
  const details = {
    ...{ iss: claims?.["iss"], aud: claims?.["aud"], scope: claims?.["scope"] ?? claims?.["scp"] },
    ...{ error: parameters["error"], error_description: parameters["error_description"] },
    ...{ challenge_scope: parameters["scope"], resource_metadata: parameters["resource_metadata"] },
    resource: token.resource,
  };
  return new McpAuthError(
    "unauthorized",
    `Server "${spec.name}" refused a new token too. ${describe(requested)} ${advice} Other requests go on with the ` +
      "present token.",
    { server: spec.name, details },
  );
}

function requestedBy({ grant, url }: ServerSpec, token: RefusedToken): Requested {
  if (grant.type === "static")
    return { issuer: undefined, resource: undefined, audience: [], scopes: undefined };
  const { client, resource, audience, scopes } = grant;
  return {
    issuer: client.issuer,
    // Without one in the config it is the server's URL, or what its metadata says, which the server chose.
    resource: resource === false ? undefined : (resource ?? (token.resource === url ? url : undefined)),
    audience,
    scopes,
  };
}

function describe({ issuer, resource, audience, scopes }: Requested): string {
  if (issuer === undefined) return "It is the static token of the config.";
  const parts = [
    `issuer ${issuer}`,
    resource === undefined ? undefined : `resource ${resource}`,
    audience.length === 0 ? undefined : `audience ${audience.join(" ")}`,
    scopes === undefined || scopes.length === 0 ? "no scopes of the config" : `scopes ${scopes.join(" ")}`,
  ];
  return `It was requested with ${printable(parts.filter((part) => part !== undefined).join(", "))}.`;
}

interface Compared {
  readonly requested: Requested;
  readonly token: RefusedToken;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly target: Target | undefined;
}

/** The first difference that explains the refusal, and what to change. */
function adviceFor({ url, stepUp }: ServerSpec, compared: Compared): string {
  const { requested, token, claims, parameters } = compared;
  if (requested.issuer === undefined)
    return "Replace it where the config reads it from, or use a grant that requests tokens.";
  const expected = [token.resource, requested.resource, url, ...requested.audience];
  const audiences = listOf(claims?.["aud"]);
  if (audiences.length > 0 && !audiences.some((audience) => expected.some((one) => isSame(audience, one))))
    return (
      `The token's "aud" is neither the server's URL nor a resource or audience that was requested: set the grant's ` +
      '"audience" or "resource" to what the server expects.'
    );
  if (typeof claims?.["iss"] === "string" && !isSame(claims["iss"], requested.issuer))
    return 'The token\'s "iss" is another issuer: set the client\'s "issuer" to the one that the server trusts.';
  const named = (parameters["scope"] ?? "").split(" ").filter((scope) => scope !== "");
  const missing = named.filter((scope) => ![...token.scopes, ...stepUp].includes(scope));
  if (missing.length > 0)
    return 'The server names scopes that the token lacks: add them to the grant\'s "scopes", or to the server\'s "stepUp".';
  const compare = 'Compare "issuer", "audience", "resource" and "scopes" with what the server expects';
  return `${compare}, or see whether only this tool, path or session is refused.`;
}

function listOf(value: unknown): readonly string[] {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === "string");
}

/** Identifiers that differ in a slash at the end are not what a server refuses a token for. */
function isSame(a: string, b: string | undefined): boolean {
  return b !== undefined && withoutSlash(a) === withoutSlash(b);
}

function withoutSlash(text: string): string {
  return text.endsWith("/") ? text.slice(0, -1) : text;
}

function parametersOf(challenge: string | null): Readonly<Record<string, string>> {
  const challenges = parseChallenges(challenge).filter(
    ({ scheme }) => scheme === "bearer" || scheme === "dpop",
  );
  return Object.fromEntries(challenges.flatMap(({ parameters }) => [...parameters]));
}

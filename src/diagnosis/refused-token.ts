import type { ServerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { noteFindings } from "../errors/findings.js";
import { jwtClaims } from "../lib/jwt-claims.js";
import { printable } from "../lib/printable.js";
import { checkDroppedScopes } from "./dropped-scopes.js";
import { type Finding, findingText } from "./finding.js";
import { idTokenAudiences } from "./id-token-audiences.js";
import { checkAudiences, checkTokenIssuer } from "./token-claims.js";

/** A token that the MCP server refused. */
export interface RefusedToken {
  readonly accessToken: string;
  readonly scopes: readonly string[];
  readonly resource?: string | undefined;
}

/** A new token, and the parameters of the Bearer or DPoP challenge that refused it (RFC 6750 §3). */
export interface RefusedNewToken {
  readonly token: RefusedToken;
  readonly challenge: Readonly<Record<string, string>>;
  /** The schemes of all challenges in the response, in lower case; `undefined` if the response is not known. */
  readonly schemes?: readonly string[] | undefined;
  /** Whether the challenge names resource metadata that was not read, because of its origin. */
  readonly hasUnreadMetadata?: boolean;
}

/** The parts of a token request that the config determines. Contains nothing that a server chose. */
interface Requested {
  readonly issuer: string;
  readonly resource: string | undefined;
  readonly audience: readonly string[];
  readonly scopes: readonly string[] | undefined;
}

/** The facts that the checks compare. */
interface Facts {
  /** `undefined` for a static token, which nobody requested. */
  readonly requested: Requested | undefined;
  readonly url: string;
  readonly stepUp: readonly string[];
  readonly token: RefusedToken;
  /** The claims of the token if it is a JWT. They are not verified: the config is checked, not the token. */
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly challenge: Readonly<Record<string, string>>;
  readonly schemes: readonly string[] | undefined;
  readonly hasUnreadMetadata: boolean;
}

/**
 * Returns the `unauthorized` error for a server that refused a new token, too. The message says with which values of
 * the config the token was requested, and what to change. `details` has the claims of the token and the challenge.
 */
export function refusedTokenError(
  spec: ServerSpec,
  { token, challenge, schemes, hasUnreadMetadata = false }: RefusedNewToken,
): McpAuthError {
  const { name: server, url, stepUp } = spec;
  const requested = requestedWith(spec, token);
  const claims = jwtClaims(token.accessToken);
  const facts = { requested, url, stepUp, token, claims, challenge, schemes, hasUnreadMetadata };
  const finding = refusedTokenFinding(facts);
  const details = {
    ...{ iss: claims?.["iss"], aud: claims?.["aud"], scope: claims?.["scope"] ?? claims?.["scp"] },
    ...{ error: challenge["error"], error_description: challenge["error_description"] },
    ...{ challenge_scope: challenge["scope"], resource_metadata: challenge["resource_metadata"] },
    resource: token.resource,
  };
  const error = new McpAuthError(
    "unauthorized",
    `Server "${server}" refused a new token too. ${describe(requested)} ${findingText(finding)} Other requests continue ` +
      "with the current token.",
    { server, details },
  );
  return noteFindings(error, [finding.id]);
}

/** Returns the first finding that explains the refusal. */
function refusedTokenFinding(facts: Facts): Finding {
  return (
    checkStatic(facts) ??
    checkBasic(facts) ??
    checkAudience(facts) ??
    checkIssuer(facts) ??
    checkGrantedScopes(facts) ??
    checkScopes(facts) ??
    checkUnreadMetadata(facts) ??
    checkNoChallenge(facts) ?? {
      id: "token_refused",
      remedy:
        'Compare "issuer", "audience", "resource" and "scopes" with what the server expects, or see whether only this ' +
        "tool, path or session is refused.",
    }
  );
}

function checkStatic({ requested }: Facts): Finding | undefined {
  if (requested !== undefined) return undefined;
  return {
    id: "static_token_refused",
    remedy: "Replace it where the config reads it from, or use a grant that requests tokens.",
  };
}

/** The server asks for something else than a token. */
function checkBasic({ schemes }: Facts): Finding | undefined {
  if (schemes === undefined || asksForToken(schemes)) return undefined;
  if (!schemes.some((scheme) => ["basic", "digest", "negotiate", "ntlm"].includes(scheme))) return undefined;
  return {
    id: "refused_by_gateway_login",
    cause:
      "Its 401 asks for a user name and password and not for a token, so something in front of it probably refuses the " +
      "request.",
    remedy:
      "Have that let requests with a token pass. If it accepts a credential in a header other than Authorization, name it in " +
      'the "headers" of the server.',
  };
}

/** The resource and scopes of the token may be wrong, because they come from metadata that was not read. */
function checkUnreadMetadata({ hasUnreadMetadata, requested }: Facts): Finding | undefined {
  if (!hasUnreadMetadata || requested === undefined) return undefined;
  return {
    id: "resource_metadata_elsewhere",
    cause:
      "Its challenge names metadata at an origin that is neither its own nor the issuer's, so that was not read.",
    remedy: 'If you trust the URL in the error\'s `details`, set "resourceMetadata" on the server to it.',
  };
}

/** MCP and RFC 6750 §3 require a challenge, so that the 401 may not come from the server itself. */
function checkNoChallenge({ schemes }: Facts): Finding | undefined {
  if (schemes === undefined || asksForToken(schemes)) return undefined;
  return {
    id: "refused_without_challenge",
    cause: "Its 401 does not ask for a token (it has no Bearer challenge).",
    remedy:
      "Check first whether something in front of it refuses the request or removes the Authorization header. Then compare " +
      '"issuer", "audience", "resource" and "scopes" with what the server expects.',
  };
}

function asksForToken(schemes: readonly string[]): boolean {
  return schemes.includes("bearer") || schemes.includes("dpop");
}

function checkAudience({ requested, url, token, claims }: Facts): Finding | undefined {
  return checkAudiences(claims?.["aud"], [
    ...[token.resource, requested?.resource, url],
    ...(requested?.audience ?? []),
  ]);
}

function checkIssuer({ requested, claims }: Facts): Finding | undefined {
  return checkTokenIssuer(claims?.["iss"], requested?.issuer);
}

/** The authorization server left out scopes of the config. */
function checkGrantedScopes({ requested, token }: Facts): Finding | undefined {
  if (requested?.scopes === undefined) return undefined;
  const { issuer, scopes } = requested;
  return checkDroppedScopes({ issuer, requested: scopes, granted: token.scopes });
}

function checkScopes({ token, stepUp, challenge }: Facts): Finding | undefined {
  const named = (challenge["scope"] ?? "").split(" ").filter((scope) => scope !== "");
  if (named.every((scope) => [...token.scopes, ...stepUp].includes(scope))) return undefined;
  return {
    id: "token_scopes",
    cause: "The server names scopes that the token lacks.",
    remedy: 'Add them to the grant\'s "scopes", or to the server\'s "stepUp".',
  };
}

function requestedWith({ grant, url }: ServerSpec, token: RefusedToken): Requested | undefined {
  if (grant.type === "static") return undefined;
  const { client, resource, audience, scopes } = grant;
  return {
    issuer: client.issuer,
    // If the config has none, the resource is the server's URL or comes from its metadata. The server chose the latter.
    resource: resource === false ? undefined : (resource ?? (token.resource === url ? url : undefined)),
    audience: grant.use === "id_token" ? idTokenAudiences(grant) : audience,
    scopes,
  };
}

function describe(requested: Requested | undefined): string {
  if (requested === undefined) return "It is the static token of the config.";
  const { issuer, resource, audience, scopes } = requested;
  const parts = [
    `issuer ${issuer}`,
    resource === undefined ? undefined : `resource ${resource}`,
    audience.length === 0 ? undefined : `audience ${audience.join(" ")}`,
    scopes === undefined || scopes.length === 0 ? "no scopes of the config" : `scopes ${scopes.join(" ")}`,
  ];
  return `It was requested with ${printable(parts.filter((part) => part !== undefined).join(", "))}.`;
}

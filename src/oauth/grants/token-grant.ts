import type { ClientSpec, GrantCommon, KeySpec } from "../../config/spec.js";
import { checkDroppedScopes } from "../../diagnosis/dropped-scopes.js";
import type { AssertionFacts, GrantInUse, ScopeFacts, TokenEndpoint } from "../../diagnosis/facts.js";
import { findingText } from "../../diagnosis/finding.js";
import { idTokenAudiences } from "../../diagnosis/id-token-audiences.js";
import type { AuthorizationServerMetadata, Target } from "../../discovery/metadata.js";
import { McpAuthError, type McpAuthErrorCode } from "../../errors/error.js";
import { rememberCredential } from "../../errors/sent-credentials.js";
import type { SigningTime } from "../../net/server-clocks.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { type AttemptContext, type Grant, warnOnce } from "../attempt.js";
import { markIfAnotherCredential } from "../client-auth/credential-retry.js";
import type { IssuedToken } from "../issued-token.js";
import { metadataHeaders } from "../metadata-headers.js";
import { requestWithCorrections } from "../token-endpoint/request-with-corrections.js";
import { describeTokenEndpoint, endpointName } from "../token-endpoint/token-endpoint.js";
import {
  sendTokenRequest,
  type TokenField,
  type TokenParameters,
  type TokenRequestResult,
} from "../token-endpoint/token-request.js";
import { type ExpectedTypes, readTokenResponse } from "../token-endpoint/token-response.js";
import { expireAuthorizationServer } from "../wanted-authorization-server.js";
import { findGrantTarget } from "./find-grant-target.js";

type RequestingGrant = GrantCommon & { readonly client: ClientSpec };

/** The token request that a grant adds its own fields to. */
export interface UnfinishedRequest {
  readonly target: Target;
  /** The scopes to request. */
  readonly scopes: readonly string[];
  /** The time for signatures. */
  readonly time: SigningTime;
}

/** How a grant differs from the others. */
export interface GrantTraits extends Omit<GrantInUse, "dpop">, ExpectedTypes {
  /** The key of the assertion that the grant presents, if we sign it. */
  readonly assertionKey?: KeySpec;
  /** Reads or signs, for each request, the fields that only this grant has. May replace the scopes to request. */
  readonly readOwnFields?: (request: UnfinishedRequest, attempt: AttemptContext) => Promise<OwnFields>;
  /** Called with each response before it is validated. */
  readonly received?: (result: TokenRequestResult, attempt: AttemptContext) => void;
}

export interface OwnFields {
  readonly fields: readonly TokenField[];
  readonly scopes?: readonly string[] | undefined;
  /** The assertion that was signed for the grant. */
  readonly assertion?: AssertionFacts;
}

/** Errors that wrong metadata can cause. */
const metadataErrors: ReadonlySet<McpAuthErrorCode> = new Set([
  "discovery_failed",
  "insecure_url",
  "issuer_mismatch",
  "resource_mismatch",
  "unsupported_by_server",
]);

/**
 * Creates a grant that requests a token from the MCP server's authorization server, with the resource (RFC 8707), the
 * audience and the scopes. The token is bound to a key (RFC 9449) or a certificate (RFC 8705) if the config says so.
 * Rejects with the codes of `findTarget`, `sendTokenRequest` and `readTokenResponse`.
 */
export function tokenGrant(grant: RequestingGrant, traits: GrantTraits): Grant {
  const { client } = grant;
  const { issuer } = client;

  return async function requestToken(attempt) {
    const { manager } = attempt;
    try {
      const dpop = await manager.dpop?.();
      const { target, result } = await requestWithCorrections({
        findTarget: () => findGrantTarget(grant, attempt),
        expireMetadata: () => expireAuthorizationServer(client, attempt),
        presentsSigned: traits.assertionKey !== undefined,
        send: async function sendGrantRequest(target) {
          for (const { code, message } of target.warnings ?? [])
            warnOnce(attempt, `${code} of metadata`, code, message);
          warnUnlessListed(traits.grantType, target.authorizationServer, attempt);
          return await sendTokenRequest(
            {
              client,
              metadata: target.authorizationServer,
              endpointName: endpointName(traits, issuer),
              parameters: (time) => parametersOf(grant, traits, target, time, attempt),
              dpop,
              resourceAlgorithms: target.proofAlgorithms,
              onSigned(kid) {
                manager.kid = kid;
              },
            },
            attempt,
          );
        },
      });
      return await readResult(grant, traits, { target, result, hasDpop: dpop !== undefined }, attempt);
    } catch (error) {
      // The next attempt must see a correction of the metadata at once, not when the cached copy expires.
      if (error instanceof McpAuthError && metadataErrors.has(error.code)) expireMetadata(attempt);
      throw error;
    }
  };
}

async function parametersOf(
  { scopes: configured, params, audience }: RequestingGrant,
  { grantType, readOwnFields }: GrantTraits,
  target: Target,
  time: SigningTime,
  attempt: AttemptContext,
): Promise<TokenParameters> {
  const scopes = attempt.scopes ?? configured ?? target.scopes ?? [];
  const configuredParams = await readParams(params, attempt);
  const own = await readOwnFields?.({ target, scopes, time }, attempt);
  const requested = own?.scopes ?? scopes;
  return {
    facts: {
      ...{ assertion: own?.assertion, scopes: scopeFacts(requested, configured, attempt) },
      hasResource: target.resource !== undefined || Object.hasOwn(params, "resource"),
    },
    grantType,
    scopes: requested,
    fields: [...(own?.fields ?? []), ...resourceFields(target), ...audience.map(audienceField)],
    ...configuredParams,
  };
}

/** Returns who chose the scopes of a request. */
function scopeFacts(
  requested: readonly string[],
  configured: readonly string[] | undefined,
  { scopes: wanted, manager, spec }: AttemptContext,
): ScopeFacts {
  const known = new Set([...(configured ?? []), ...spec.stepUp]);
  const from = (): ScopeFacts["from"] => {
    if (requested.length === 0) return "none";
    if (requested.every((scope) => configured?.includes(scope))) return "config";
    if (wanted !== undefined) return "call";
    return manager.challenge?.scopes === undefined ? "scopes_supported" : "challenge";
  };
  return { from: from(), configured: requested.filter((scope) => known.has(scope)) };
}

interface FinishedRequest {
  readonly target: Target;
  readonly result: TokenRequestResult;
  readonly hasDpop: boolean;
}

/** Returns the token in a response. Rejects with the codes of `readTokenResponse`. */
async function readResult(
  { client, scopes, use }: RequestingGrant,
  traits: GrantTraits,
  { target, result, hasDpop }: FinishedRequest,
  attempt: AttemptContext,
): Promise<IssuedToken> {
  const { server, clock } = attempt;
  const { requestedAt, response } = result;
  const inUse = { ...traits, dpop: hasDpop, isForUser: attempt.manager.subject !== undefined };
  const endpoint = describeTokenEndpoint(server, client, target.authorizationServer, inUse, result);
  traits.received?.(result, attempt);
  try {
    const expected = { ...traits, ...(use && { idTokenAudiences: idTokenAudiences(attempt.spec.grant) }) };
    const { spelling, ...token } = await readTokenResponse(result, endpoint, clock.now(), expected);
    if (spelling !== undefined) warnOfSpelling(spelling, endpoint, attempt);
    // An ID token has no scopes.
    if (use === undefined) warnOfDroppedScopes(client, result, token, attempt);
    const areScopesKnown = (attempt.scopes ?? scopes) !== undefined;
    const { resource, unread } = target;
    const isProvisional = unread !== undefined && (unread.resource || (unread.scopes && !areScopesKnown));
    return {
      ...token,
      requestedAt,
      issuer: client.issuer,
      resource,
      ...(isProvisional && { isProvisional }),
    };
  } catch (error) {
    const { assertionKey } = traits;
    await markIfAnotherCredential(error, { client, status: response.status, assertionKey }, attempt);
    throw error;
  }
}

function warnOfSpelling(spelling: string, { server, name }: TokenEndpoint, attempt: AttemptContext): void {
  const message =
    `Server "${server}": ${name} has named the type of its token "${spelling}" instead of "Bearer" (RFC 6750). The ` +
    "token is used as a bearer token.";
  warnOnce(attempt, `token_type at ${name}`, "token_response_invalid", message);
}

/** A server may leave out scopes without an error (RFC 6749 §3.3). The MCP server then refuses some calls. */
function warnOfDroppedScopes(
  { issuer }: ClientSpec,
  { sent }: Pick<TokenRequestResult, "sent">,
  { scopes: granted }: Pick<IssuedToken, "scopes">,
  attempt: AttemptContext,
): void {
  const requested = sent.scopes?.configured ?? [];
  const finding = checkDroppedScopes({ issuer, requested, granted });
  if (finding === undefined) return;
  const message = `Server "${attempt.server}": ${findingText(finding)}`;
  warnOnce(attempt, message, "insufficient_scope", message);
}

/** Makes the next attempt read the metadata again. If that fails, the cached metadata is still used. */
function expireMetadata(attempt: AttemptContext): void {
  const { spec, metadata } = attempt;
  const { url, grant, resourceMetadata } = spec;
  if (grant.type === "static") return;
  if (resourceMetadata !== false) {
    metadata.expireResource({ url, resourceMetadata, headers: metadataHeaders(spec, attempt) });
  }
  expireAuthorizationServer(grant.client, attempt);
  if (grant.type === "enterprise_managed") expireAuthorizationServer(grant.idp.client, attempt);
}

/** Returns the `resource` field, RFC 8707 §2. The value is sent unchanged, byte for byte. */
export function resourceFields({ resource }: Target): readonly TokenField[] {
  return resource === undefined ? [] : [["resource", resource]];
}

function audienceField(audience: string): TokenField {
  return ["audience", audience];
}

/**
 * Reads the config's `params`, strings and secrets, and names those that are secrets. Rejects with the codes of
 * `readSecret`.
 */
export async function readParams(
  params: GrantCommon["params"],
  context: SecretContext,
): Promise<Required<Pick<TokenParameters, "params" | "secretParams">>> {
  const read = async ([name, value]: (typeof entries)[number]): Promise<TokenField> => {
    if (typeof value === "string") return [name, value];
    const secret = (await readSecret(value, context)).reveal();
    rememberCredential(secret);
    return [name, secret];
  };
  const entries = Object.entries(params);
  return {
    params: await Promise.all(entries.map(read)),
    secretParams: entries.flatMap(([name, value]) => (typeof value === "string" ? [] : [name])),
  };
}

/**
 * Warns if the server does not list the grant type. It is used nevertheless, because such lists are often incomplete.
 */
export function warnUnlessListed(
  grantType: string,
  { issuer, grant_types_supported: listed }: AuthorizationServerMetadata,
  attempt: AttemptContext,
): void {
  if (listed !== undefined && !listed.includes(grantType)) warnOnce(attempt, `${grantType} at ${issuer}`);
}

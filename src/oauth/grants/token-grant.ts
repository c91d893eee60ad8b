import type { ClientSpec, GrantCommon, KeySpec } from "../../config/spec.js";
import type { GrantInUse } from "../../diagnosis/facts.js";
import type { AuthorizationServerMetadata, Target } from "../../discovery/metadata.js";
import { McpAuthError, type McpAuthErrorCode } from "../../errors/error.js";
import { rememberCredential } from "../../errors/sent-credentials.js";
import type { SigningTime } from "../../net/server-clocks.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { Grant } from "../attempt.js";
import { type AttemptContext, warnOnce } from "../attempt.js";
import { judgeRefusal } from "../client-auth/credential-retry.js";
import { askTokenEndpoint } from "../token-endpoint/ask-token-endpoint.js";
import { endpointName, tokenEndpoint } from "../token-endpoint/token-endpoint.js";
import {
  sendTokenRequest,
  type TokenAnswer,
  type TokenField,
  type TokenParameters,
} from "../token-endpoint/token-request.js";
import { readTokenResponse, type WantedTypes } from "../token-endpoint/token-response.js";
import { findGrantTarget } from "./find-grant-target.js";
import type { IssuedToken } from "./issued-token.js";
import { metadataHeaders } from "./metadata-headers.js";

type RequestingGrant = GrantCommon & { readonly client: ClientSpec };

/** The request that a grant presents something in. */
export interface RequestToPresent {
  readonly target: Target;
  /** The scopes to request. */
  readonly scopes: readonly string[];
  /** The time to sign in. */
  readonly time: SigningTime;
}

/** How a grant differs from the others. */
export interface GrantKind extends Omit<GrantInUse, "dpop">, WantedTypes {
  /** The key of the assertion that the grant presents, if we sign it. */
  readonly assertionKey?: KeySpec;
  /** Reads or signs, for each request, the fields that only this grant has, and scopes in place of those to request. */
  readonly present?: (request: RequestToPresent, attempt: AttemptContext) => Promise<Presentation>;
  /** Called with each response before it is judged. */
  readonly received?: (answer: TokenAnswer, attempt: AttemptContext) => void;
}

export interface Presentation {
  readonly fields: readonly TokenField[];
  readonly scopes?: readonly string[] | undefined;
}

/** Errors about metadata: what a server publishes, or how we read it. */
const metadataErrors: ReadonlySet<McpAuthErrorCode> = new Set([
  "discovery_failed",
  "insecure_url",
  "issuer_mismatch",
  "resource_mismatch",
  "unsupported_by_server",
]);

/**
 * Creates a grant that asks the token endpoint of the MCP server's authorization server: with resource (RFC 8707),
 * audience and scopes, bound to a key (RFC 9449) or certificate (RFC 8705) where the config says. Rejects with the codes of
 * `findTarget`, `sendTokenRequest` and `readTokenResponse`.
 */
export function tokenGrant(grant: RequestingGrant, kind: GrantKind): Grant {
  const { client } = grant;
  const { issuer } = client;

  return async function requestToken(attempt) {
    const { manager, metadata } = attempt;
    try {
      const dpop = await manager.dpop?.();
      const { found: target, answer } = await askTokenEndpoint({
        find: () => findGrantTarget(grant, attempt),
        forget: () => metadata.expireAuthorizationServer(issuer),
        presentsSigned: kind.assertionKey !== undefined,
        send: async function sendGrantRequest(target) {
          for (const { code, message } of target.warnings ?? [])
            warnOnce(attempt, `${code} of metadata`, code, message);
          warnUnlessListed(kind.grantType, target.authorizationServer, attempt);
          return await sendTokenRequest(
            {
              client,
              metadata: target.authorizationServer,
              what: endpointName(kind, issuer),
              parameters: (time) => parametersOf(grant, kind, target, time, attempt),
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
      return await judge(grant, kind, { target, answer, hasDpop: dpop !== undefined }, attempt);
    } catch (error) {
      // The operator of the server may be about to correct it: the next attempt has to see that, not one in an hour.
      if (error instanceof McpAuthError && metadataErrors.has(error.code)) expireMetadata(attempt);
      throw error;
    }
  };
}

async function parametersOf(
  { scopes: configured, params, audience }: RequestingGrant,
  { grantType, present }: GrantKind,
  target: Target,
  time: SigningTime,
  attempt: AttemptContext,
): Promise<TokenParameters> {
  const scopes = attempt.scopes ?? configured ?? target.scopes ?? [];
  const further = await Promise.all(Object.entries(params).map((param) => readParam(param, attempt)));
  const presented = await present?.({ target, scopes, time }, attempt);
  return {
    grantType,
    scopes: presented?.scopes ?? scopes,
    fields: [...(presented?.fields ?? []), ...resourceFields(target), ...audience.map(audienceField)],
    params: further,
  };
}

interface AnsweredRequest {
  readonly target: Target;
  readonly answer: TokenAnswer;
  readonly hasDpop: boolean;
}

/** Judges the response. Rejects with the codes of `readTokenResponse`. */
async function judge(
  { client, scopes }: RequestingGrant,
  kind: GrantKind,
  { target, answer, hasDpop }: AnsweredRequest,
  attempt: AttemptContext,
): Promise<IssuedToken> {
  const { server, clock } = attempt;
  const { requestedAt, response } = answer;
  const inUse = { ...kind, dpop: hasDpop };
  const endpoint = tokenEndpoint(server, client, target.authorizationServer, inUse, answer);
  kind.received?.(answer, attempt);
  try {
    const token = readTokenResponse(answer, endpoint, clock.now(), kind);
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
    const { assertionKey } = kind;
    await judgeRefusal(error, { client, status: response.status, assertionKey }, attempt);
    throw error;
  }
}

/** Makes the next attempt read the metadata again. What is known is used until then, and where nothing better is found. */
function expireMetadata(attempt: AttemptContext): void {
  const { spec, metadata } = attempt;
  const { url, grant, resourceMetadata } = spec;
  if (grant.type === "static") return;
  if (resourceMetadata !== false) {
    metadata.expireResource({ url, resourceMetadata, headers: metadataHeaders(spec, attempt) });
  }
  metadata.expireAuthorizationServer(grant.client.issuer);
  if (grant.type === "enterprise_managed") metadata.expireAuthorizationServer(grant.idp.client.issuer);
}

/** RFC 8707 §2, byte for byte. */
export function resourceFields({ resource }: Target): readonly TokenField[] {
  return resource === undefined ? [] : [["resource", resource]];
}

function audienceField(audience: string): TokenField {
  return ["audience", audience];
}

/** Reads a further field of the token request, from the config or from a secret. Rejects with the codes of `readSecret`. */
export async function readParam(
  [name, value]: readonly [string, GrantCommon["params"][string]],
  context: SecretContext,
): Promise<TokenField> {
  if (typeof value === "string") return [name, value];
  const secret = (await readSecret(value, context)).reveal();
  rememberCredential(secret);
  return [name, secret];
}

/** A grant type that a server does not list is used all the same, because such lists are often incomplete. */
export function warnUnlessListed(
  grantType: string,
  { issuer, grant_types_supported: listed }: AuthorizationServerMetadata,
  attempt: AttemptContext,
): void {
  if (listed !== undefined && !listed.includes(grantType)) warnOnce(attempt, `${grantType} at ${issuer}`);
}

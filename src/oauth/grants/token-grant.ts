import type { ClientSpec, GrantCommon, ServerSpec } from "../../config/spec.js";
import type { GrantInUse } from "../../diagnosis/facts.js";
import type { AuthorizationServerMetadata, Target } from "../../discovery/metadata.js";
import type { McpAuthErrorCode } from "../../errors/error.js";
import { rememberCredential } from "../../errors/sent-credentials.js";
import type { SigningTime } from "../../net/server-clocks.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { CredentialRetry } from "../client-auth/credential-retry.js";
import type { CredentialsInUse } from "../client-auth/credentials-in-use.js";
import { askTokenEndpoint } from "../token-endpoint/ask-token-endpoint.js";
import { requestContext } from "../token-endpoint/request-context.js";
import { endpointName, tokenEndpoint } from "../token-endpoint/token-endpoint.js";
import {
  sendTokenRequest,
  type TokenAnswer,
  type TokenField,
  type TokenRequestContext,
} from "../token-endpoint/token-request.js";
import { readTokenResponse, type WantedTypes } from "../token-endpoint/token-response.js";
import { findGrantTarget } from "./find-grant-target.js";
import type { Grant, GrantAttempt } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";

/** Where one request of a grant goes, and with what. */
export interface GrantRequest {
  readonly target: Target;
  /** What the token is to be good for. */
  readonly scopes: readonly string[];
  readonly context: TokenRequestContext;
  /** Reads the key of what the grant signs itself. */
  readonly presented: CredentialsInUse;
  readonly attempt: GrantAttempt;
  readonly refusals: CredentialRetry;
  readonly warnings: Warnings;
}

/** What a grant has of its own. */
export interface GrantKind extends Omit<GrantInUse, "dpop">, WantedTypes {
  /** The fields that only this grant has, read or signed anew for each request, and scopes that replace those asked for. */
  readonly present?: (request: GrantRequest) => Promise<Presentation>;
  /** Awaited last of all before each request is sent. */
  readonly sending?: (attempt: GrantAttempt) => Promise<void>;
  /** Sees each answer before it is judged. */
  readonly received?: (answer: TokenAnswer, attempt: GrantAttempt) => void;
}

export interface Presentation {
  readonly fields: readonly TokenField[];
  readonly scopes?: readonly string[] | undefined;
}

/**
 * What all grants that ask a token endpoint have in common: a token of the MCP server's authorization server, with
 * resource (RFC 8707), audience and scopes, bound to a key (RFC 9449) or certificate (RFC 8705) where the config says.
 * Rejects with the codes of `findTarget`, `sendTokenRequest` and `readTokenResponse`.
 */
export function tokenGrant(
  spec: ServerSpec,
  grant: GrantCommon & { readonly client: ClientSpec },
  environment: GrantEnvironment,
  kind: GrantKind,
): Grant {
  const { client, audience, params } = grant;
  const { clock, dpop, metadata } = environment;
  const { issuer } = client;
  const inUse = { ...kind, dpop: dpop !== undefined };
  const told = new Set<string>();
  const refusals = new CredentialRetry();

  return async (attempt) => {
    const { signal } = attempt;
    const warnings = new Warnings(attempt, told);
    const context = {
      ...requestContext(spec, environment, attempt, () => warnings.about(`authentication at ${issuer}`)),
      dpop,
      sending: kind.sending && (() => kind.sending?.(attempt) ?? Promise.resolve()),
    };
    let used = { client: refusals.credentials(signal), presented: refusals.credentials(signal) };
    const { found: target, answer } = await askTokenEndpoint({
      find: () => findGrantTarget(spec, grant, environment, signal),
      forget: () => metadata.expireAuthorizationServer(issuer),
      presentsSigned: kind.presents === "signed_assertion",
      async send(target) {
        for (const { code, message } of target.warnings ?? [])
          warnings.about(`${code} of metadata`, code, message);
        warnings.unlessListed(kind.grantType, target.authorizationServer);
        const scopes = environment.scopes ?? grant.scopes ?? target.scopes ?? [];
        used = { client: refusals.credentials(signal), presented: refusals.credentials(signal) };
        const { client: credentials, presented } = used;
        const request = {
          ...{ target, scopes, presented, attempt, refusals, warnings },
          context: { ...context, credentials },
        };
        const parameters = async (signingTime: SigningTime) => {
          const further = await Promise.all(Object.entries(params).map((param) => readParam(param, context)));
          const own = await kind.present?.({ ...request, context: { ...request.context, signingTime } });
          return {
            grantType: kind.grantType,
            scopes: own?.scopes ?? scopes,
            fields: [...(own?.fields ?? []), ...resourceFields(target), ...audience.map(audienceField)],
            params: further,
          };
        };
        return await sendTokenRequest(
          client,
          target.authorizationServer,
          parameters,
          endpointName(kind, issuer),
          {
            ...request.context,
            proofAlgorithms: target.proofAlgorithms,
          },
        );
      },
    });
    const endpoint = tokenEndpoint(spec.name, client, target.authorizationServer, inUse, answer);
    const { requestedAt, response } = answer;
    kind.received?.(answer, attempt);
    try {
      const token = readTokenResponse(answer, endpoint, clock.now(), kind);
      const areScopesKnown = (environment.scopes ?? grant.scopes) !== undefined;
      const { resource, unread } = target;
      const isProvisional = unread !== undefined && (unread.resource || (unread.scopes && !areScopesKnown));
      return { ...token, requestedAt, issuer, resource, ...(isProvisional && { isProvisional }) };
    } catch (error) {
      await refusals.judge(error, { ...used, status: response.status }, context);
      throw error;
    }
  };
}

/** RFC 8707 §2, byte for byte. */
export function resourceFields({ resource }: Target): readonly TokenField[] {
  return resource === undefined ? [] : [["resource", resource]];
}

function audienceField(audience: string): TokenField {
  return ["audience", audience];
}

/** A further field of the token request, from the config or from a secret that is read now. */
export async function readParam(
  [name, value]: readonly [string, GrantCommon["params"][string]],
  context: SecretContext,
): Promise<TokenField> {
  if (typeof value === "string") return [name, value];
  const secret = (await readSecret(value, context)).reveal();
  rememberCredential(secret);
  return [name, secret];
}

/** Says of each thing once what is off with it, however often the grant is called. */
export class Warnings {
  readonly #attempt: GrantAttempt;
  readonly #told: Set<string>;

  constructor(attempt: GrantAttempt, told: Set<string>) {
    this.#attempt = attempt;
    this.#told = told;
  }

  about(what: string, code: McpAuthErrorCode = "unsupported_by_server", message?: string): void {
    if (this.#told.has(what)) return;
    this.#told.add(what);
    this.#attempt.warn?.(code, message);
  }

  /** What servers list is often incomplete, so that a grant is used all the same. */
  unlessListed(grantType: string, metadata: AuthorizationServerMetadata): void {
    const { issuer, grant_types_supported: listed } = metadata;
    if (listed !== undefined && !listed.includes(grantType)) this.about(`${grantType} at ${issuer}`);
  }
}

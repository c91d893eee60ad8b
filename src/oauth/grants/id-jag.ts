import type { EnterpriseManagedSpec, ServerSpec } from "../../config/spec.js";
import { findAuthorizationServer } from "../../discovery/find-target.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import { Secret } from "../../lib/secret.js";
import { type Accepted, acceptedAnswer } from "../token-endpoint/accepted-response.js";
import { askTokenEndpoint } from "../token-endpoint/ask-token-endpoint.js";
import { requestContext } from "../token-endpoint/request-context.js";
import { endpointName, tokenEndpoint } from "../token-endpoint/token-endpoint.js";
import { sendTokenRequest } from "../token-endpoint/token-request.js";
import { grantedScopes } from "../token-endpoint/token-response.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { readSubjectToken, tokenExchangeGrantType } from "./subject-token.js";
import { type GrantRequest, resourceFields } from "./token-grant.js";

const idJagType = "urn:ietf:params:oauth:token-type:id-jag";

/** An Identity Assertion JWT Authorization Grant: what the identity provider lets the user have at one MCP server. */
export interface IdJag {
  /** For the authorization server of that MCP server and nobody else. */
  readonly assertion: Secret;
  /** Fewer than were asked for, perhaps; absent when the identity provider did not say. */
  readonly scopes: readonly string[] | undefined;
}

/**
 * Asks the identity provider for an ID-JAG, SEP-990 §4: RFC 8693 with the client that we are there. Without DPoP, as the
 * answer is no access token. Rejects with the codes of `findAuthorizationServer`, `readSubjectToken`, `sendTokenRequest`
 * and `acceptedAnswer`.
 */
export async function requestIdJag(
  spec: ServerSpec,
  { idp }: EnterpriseManagedSpec,
  environment: GrantEnvironment,
  { target, scopes, context, attempt, refusals, warnings }: GrantRequest,
): Promise<IdJag> {
  const { client, subject } = idp;
  const { name: server, url, timeout } = spec;
  const { issuer } = client;
  const { signal, clock } = context;
  const inUse = { grantType: tokenExchangeGrantType, presents: "identity", dpop: false } as const;
  const atIdp = requestContext(spec, environment, attempt, () =>
    warnings.about(`authentication at ${issuer}`),
  );
  const wanted = { server, url, issuer, timeout, signal, metadata: client.metadata };
  let credentials = refusals.credentials(signal);
  const { found, answer } = await askTokenEndpoint({
    find: async () => ({ authorizationServer: await findAuthorizationServer(environment.metadata, wanted) }),
    forget: () => environment.metadata.expireAuthorizationServer(issuer),
    async send({ authorizationServer }) {
      warnings.unlessListed(tokenExchangeGrantType, authorizationServer);
      const parameters = async () => {
        const token = await readSubjectToken(subject, environment.subjectToken, atIdp);
        return {
          grantType: tokenExchangeGrantType,
          scopes,
          fields: [
            ["requested_token_type", idJagType],
            ["audience", target.authorizationServer.issuer],
            ...resourceFields(target),
            ["subject_token", token.reveal()],
            ["subject_token_type", subject.type],
          ] as const,
        };
      };
      const { signedWith: _ofTheOtherClient, ...quiet } = atIdp;
      credentials = refusals.credentials(signal);
      const context = { ...quiet, credentials };
      return await sendTokenRequest(
        client,
        authorizationServer,
        parameters,
        endpointName(inUse, issuer),
        context,
      );
    },
  });
  const endpoint = tokenEndpoint(server, client, found.authorizationServer, inUse, answer);
  try {
    return readIdJag(acceptedAnswer(answer, endpoint, clock.now()));
  } catch (error) {
    await refusals.judge(error, { client: credentials, status: answer.response.status }, atIdp);
    throw error;
  }
}

/** SEP-990 §4.2. */
function readIdJag({ members, invalid }: Accepted): IdJag {
  const { issued_token_type, token_type, access_token, scope } = members;
  if (issued_token_type !== idJagType)
    throw invalid(`its "issued_token_type" is not ${idJagType}.`, { issued_token_type });
  if (typeof token_type !== "string" || token_type.toUpperCase() !== "N_A") {
    throw invalid('its "token_type" is not N_A.', { token_type });
  }
  if (typeof access_token !== "string" || jwtClaims(access_token) === undefined) {
    throw invalid('its "access_token" is not a JWT.');
  }
  return { assertion: new Secret(access_token), scopes: grantedScopes(scope) };
}

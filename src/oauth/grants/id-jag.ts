import type { EnterpriseManagedSpec } from "../../config/spec.js";
import { findAuthorizationServer } from "../../discovery/find-target.js";
import type { Target } from "../../discovery/metadata.js";
import { jwtClaims } from "../../lib/jwt-claims.js";
import { Secret } from "../../lib/secret.js";
import type { AttemptContext } from "../attempt.js";
import { markIfAnotherCredential } from "../client-auth/credential-retry.js";
import { requestWithCorrections } from "../token-endpoint/request-with-corrections.js";
import { readSuccessfulResponse, type SuccessfulResponse } from "../token-endpoint/successful-response.js";
import { describeTokenEndpoint, endpointName } from "../token-endpoint/token-endpoint.js";
import { sendTokenRequest, type TokenParameters } from "../token-endpoint/token-request.js";
import { grantedScopes } from "../token-endpoint/token-response.js";
import { expireAuthorizationServer, wantedAuthorizationServer } from "../wanted-authorization-server.js";
import { readSubjectToken, tokenExchangeGrantType } from "./subject-token.js";
import { resourceFields, type UnfinishedRequest, warnUnlessListed } from "./token-grant.js";

const idJagType = "urn:ietf:params:oauth:token-type:id-jag";

/**
 * An Identity Assertion JWT Authorization Grant: with it, the identity provider lets the user access one MCP server.
 */
export interface IdJag {
  /** The JWT. Only the authorization server of that MCP server accepts it. */
  readonly assertion: Secret;
  /** The granted scopes. Absent if the identity provider does not name them. */
  readonly scopes: readonly string[] | undefined;
}

type Idp = EnterpriseManagedSpec["idp"];
type WantedIdJag = Pick<UnfinishedRequest, "target" | "scopes">;

/**
 * Requests an ID-JAG from the identity provider, SEP-990 §4: a token exchange (RFC 8693) with the client that is
 * registered there. Sends no DPoP proof, because an ID-JAG is not an access token. Rejects with the codes of
 * `findAuthorizationServer`, `readSubjectToken`, `sendTokenRequest` and `readSuccessfulResponse`.
 */
export async function requestIdJag(
  idp: Idp,
  { target, scopes }: WantedIdJag,
  attempt: AttemptContext,
): Promise<IdJag> {
  const { client } = idp;
  const { issuer } = client;
  const { server, clock, metadata } = attempt;
  const isForUser = attempt.manager.subject !== undefined;
  const inUse = { grantType: tokenExchangeGrantType, presents: "identity", dpop: false, isForUser } as const;
  const wanted = wantedAuthorizationServer(client, attempt);
  const { target: idpTarget, result } = await requestWithCorrections({
    findTarget: async () => ({ authorizationServer: await findAuthorizationServer(metadata, wanted) }),
    expireMetadata: () => expireAuthorizationServer(client, attempt),
    send: async function sendExchangeRequest({ authorizationServer }) {
      warnUnlessListed(tokenExchangeGrantType, authorizationServer, attempt);
      return await sendTokenRequest(
        {
          client,
          metadata: authorizationServer,
          endpointName: endpointName(inUse, issuer),
          parameters: () => exchangeParameters(idp, target, scopes, attempt),
        },
        attempt,
      );
    },
  });
  const endpoint = describeTokenEndpoint(server, client, idpTarget.authorizationServer, inUse, result);
  try {
    return readIdJag(await readSuccessfulResponse(result, endpoint, clock.now()));
  } catch (error) {
    await markIfAnotherCredential(error, { client, status: result.response.status }, attempt);
    throw error;
  }
}

async function exchangeParameters(
  { subject }: Idp,
  target: Target,
  scopes: readonly string[],
  attempt: AttemptContext,
): Promise<TokenParameters> {
  const token = await readSubjectToken(subject, attempt.manager.subject, attempt);
  return {
    grantType: tokenExchangeGrantType,
    scopes,
    fields: [
      ["requested_token_type", idJagType],
      ["audience", target.authorizationServer.issuer],
      ...resourceFields(target),
      ["subject_token", token.reveal()],
      ["subject_token_type", subject.type],
    ],
  };
}

/** Validates the response of the identity provider, SEP-990 §4.2. */
function readIdJag({ members, invalid }: SuccessfulResponse): IdJag {
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

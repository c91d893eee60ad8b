import type { RefreshTokenSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { rememberShortLived, withoutCredentials } from "../../errors/sent-credentials.js";
import { type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import type { AttemptContext } from "../attempt.js";
import { deviceCodeGrantType } from "../grants/grant-type.js";
import { readParams, resourceFields } from "../grants/token-grant.js";
import { requestWithCorrections } from "../token-endpoint/request-with-corrections.js";
import { describeTokenEndpoint, endpointName } from "../token-endpoint/token-endpoint.js";
import {
  sendTokenRequest,
  type TokenField,
  type TokenRequestResult,
} from "../token-endpoint/token-request.js";
import { readTokenResponse } from "../token-endpoint/token-response.js";
import type { DeviceAuthorization } from "./device-authorization.js";
import type { WantedSignIn } from "./find-sign-in.js";
import { type PollAnswer, poll } from "./poll.js";
import { type SignedInUser, signedInUser } from "./signed-in-user.js";

const grantInUse = { grantType: deviceCodeGrantType, presents: "client" } as const;

/** What a person who has signed in has allowed. */
export interface SignIn {
  readonly refreshToken: Secret;
  /** Milliseconds since the epoch. Absent if the server does not say it. */
  readonly refreshTokenExpiresAt?: number | undefined;
  readonly scopes: readonly string[];
  readonly user: SignedInUser | undefined;
}

/**
 * Asks for the tokens until the person has decided, RFC 8628 §3.4 and §3.5. Requests that fail temporarily are
 * repeated.
 *
 * Rejects with `token_request_rejected` if the person refused or let the code expire, with `token_response_invalid`
 * for a response without a refresh token, with `aborted`, and with the codes of `sendTokenRequest` and
 * `readTokenResponse`.
 */
export async function waitForSignIn(
  grant: RefreshTokenSpec,
  wanted: WantedSignIn,
  authorization: DeviceAuthorization & { readonly requestedAt: number },
  attempt: AttemptContext,
): Promise<SignIn> {
  const { clock, signal, server } = attempt;
  const { interval, requestedAt, expiresIn } = authorization;
  const outcome = await poll(() => askForTokens(grant, wanted, authorization, attempt), {
    ...{ interval, expiresAt: requestedAt + expiresIn, clock, signal },
  });
  if (outcome.kind === "done") return outcome.value;
  if (outcome.kind === "aborted")
    throw new McpAuthError("aborted", `Server "${server}": the sign-in was aborted.`);
  throw notSignedIn(server, "expired_token");
}

async function askForTokens(
  grant: RefreshTokenSpec,
  wanted: WantedSignIn,
  { deviceCode }: DeviceAuthorization,
  attempt: AttemptContext,
): Promise<PollAnswer<SignIn>> {
  const { client } = grant;
  const { server, manager } = attempt;
  const { target } = wanted;
  try {
    const dpop = await manager.dpop?.();
    const { result } = await requestWithCorrections({
      findTarget: async () => target,
      expireMetadata: () => {},
      send: async () => {
        const ownFields: readonly TokenField[] = [["device_code", deviceCode.reveal()]];
        const params = await readParams(grant.params, attempt);
        return await sendTokenRequest(
          {
            client,
            metadata: target.authorizationServer,
            endpointName: endpointName(grantInUse, client.issuer),
            parameters: async () => ({
              grantType: deviceCodeGrantType,
              scopes: [],
              fields: [...ownFields, ...resourceFields(target)],
              ...params,
            }),
            dpop,
            resourceAlgorithms: target.proofAlgorithms,
          },
          attempt,
        );
      },
    });
    const error = parseJsonObject(result.response.body)?.["error"];
    switch (error) {
      case "authorization_pending":
      case "slow_down":
        return { kind: error };
      case "access_denied":
      case "expired_token":
        throw notSignedIn(server, error);
      default:
        return { kind: "done", value: await readSignIn(grant, wanted, result, attempt) };
    }
  } catch (error) {
    if (!(error instanceof McpAuthError) || !error.retryable) throw error;
    return { kind: "failed", retryAfter: error.retryAfter };
  }
}

async function readSignIn(
  { client }: RefreshTokenSpec,
  { target, scopes: requested }: WantedSignIn,
  result: TokenRequestResult,
  attempt: AttemptContext,
): Promise<SignIn> {
  const { server, clock, spec } = attempt;
  const inUse = { ...grantInUse, dpop: spec.dpop !== undefined };
  const endpoint = describeTokenEndpoint(server, client, target.authorizationServer, inUse, result);
  const asked = { ...result, scopes: requested };
  const { scopes } = await readTokenResponse(asked, endpoint, clock.now());
  const members: JsonObject = parseJsonObject(result.response.body) ?? {};
  const { refresh_token } = members;
  if (typeof refresh_token !== "string" || refresh_token === "") throw noRefreshToken(server, client.issuer);
  rememberShortLived(refresh_token);
  // Keycloak and GitHub have names of their own for it; Keycloak sends 0 for a token that does not expire.
  const seconds = Number(members["refresh_token_expires_in"] ?? members["refresh_expires_in"] ?? 0);
  return {
    refreshToken: new Secret(refresh_token),
    refreshTokenExpiresAt: seconds > 0 ? result.requestedAt + seconds * 1_000 : undefined,
    // For people: nothing is decided by them.
    scopes: scopes.map(withoutCredentials),
    user: signedInUser(members, { issuer: client.issuer, clientId: client.id }),
  };
}

function notSignedIn(server: string, oauthError: "access_denied" | "expired_token"): McpAuthError {
  const why =
    oauthError === "access_denied"
      ? "the sign-in was refused, by the person or by the authorization server. Nothing was stored."
      : "nobody signed in before the code expired. Nothing was stored.";
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${why} Try again: npx mcp-auth-runtime login ${server}`,
    { server, oauthError },
  );
}

function noRefreshToken(server: string, issuer: string): McpAuthError {
  return new McpAuthError(
    "token_response_invalid",
    `Server "${server}": ${issuer} issued no refresh token, so nothing was stored. Add "offline_access" to the "scopes" of ` +
      `the grant, or allow the client refresh tokens at ${issuer}. Then sign in again: npx mcp-auth-runtime login ${server}`,
    { server },
  );
}

import type { RefreshTokenSpec } from "../../config/spec.js";
import { rejectsCredential, type TokenEndpoint } from "../../diagnosis/facts.js";
import type { Target } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { rememberShortLived } from "../../errors/sent-credentials.js";
import { type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import {
  BodyTooLarge,
  type BoundedRequest,
  type BoundedResponse,
  boundedFetch,
} from "../../net/bounded-fetch.js";
import { assertLearnedUrl, type EgressRules } from "../../net/egress.js";
import { retryAfterOf } from "../../net/response-headers.js";
import type { AttemptContext } from "../attempt.js";
import { authenticateClient } from "../client-auth/authenticate-client.js";
import { addClientHeaders, readClientHeaders } from "../client-headers.js";
import { endpointUrl } from "../endpoint-url.js";
import { findGrantTarget } from "../grants/find-grant-target.js";
import { readParam, resourceFields } from "../grants/token-grant.js";
import { errorCodesIn, errorFields, registeredError } from "../token-endpoint/oauth-error.js";
import { rememberSent } from "../token-endpoint/remember-sent.js";
import { requestWithCorrections } from "../token-endpoint/request-with-corrections.js";
import { describeTokenEndpoint, endpointName } from "../token-endpoint/token-endpoint.js";
import { tokenRejection } from "../token-endpoint/token-rejection.js";
import {
  sendTokenRequest,
  type TokenField,
  type TokenRequestResult,
} from "../token-endpoint/token-request.js";
import { readTokenResponse } from "../token-endpoint/token-response.js";
import { expireAuthorizationServer } from "../wanted-authorization-server.js";
import { type DeviceAuthorization, readDeviceAuthorization } from "./device-authorization.js";
import { type PollAnswer, poll } from "./poll.js";
import { type SignedInUser, signedInUser } from "./signed-in-user.js";

const grantType = "urn:ietf:params:oauth:grant-type:device_code";
const grantInUse = { grantType, presents: "client" } as const;

/** What a sign-in asks for. */
export interface WantedSignIn {
  readonly target: Target;
  readonly scopes: readonly string[];
}

/** What a person who has signed in has allowed. */
export interface SignIn {
  readonly refreshToken: Secret;
  /** Milliseconds since the epoch. Absent if the server does not say it. */
  readonly refreshTokenExpiresAt?: number | undefined;
  readonly scopes: readonly string[];
  readonly user: SignedInUser | undefined;
}

/**
 * Finds the servers of a sign-in. Their metadata is read again, because a copy in the store may be of a version that
 * did not know the device flow. Rejects with the codes of `findGrantTarget`, and with `config_invalid` for a key that
 * the refresh token would be bound to and that nobody has later.
 */
export async function findSignIn(grant: RefreshTokenSpec, attempt: AttemptContext): Promise<WantedSignIn> {
  const { client } = grant;
  const { server, spec } = attempt;
  // RFC 9449 §5: the refresh token of a public client is bound to the key, too.
  if (spec.dpop !== undefined && spec.dpop.key === undefined && client.credential.kind === "none") {
    throw new McpAuthError(
      "config_invalid",
      `Server "${server}": the refresh token would be bound to a key that exists only until this command ends, because ` +
        'the client has no credential and "dpop" is true. Name a key: "dpop": { "key": … }, or give the client a credential.',
      { server },
    );
  }
  expireAuthorizationServer(client, attempt);
  const target = await findGrantTarget(grant, attempt);
  return { target, scopes: grant.scopes ?? target.scopes ?? [] };
}

/**
 * Asks for a code for a person, RFC 8628 §3.1. The request carries the client's credential, as a token request does.
 *
 * Rejects with `unsupported_by_server` if the authorization server has no such endpoint, with `token_request_rejected`,
 * `token_response_invalid` and `insecure_url`, with the codes of `authenticateClient` and `readClientHeaders`, and with
 * `unavailable`, `timeout` and `tls_failed`.
 */
export async function requestDeviceCode(
  grant: RefreshTokenSpec,
  wanted: WantedSignIn,
  attempt: AttemptContext,
): Promise<DeviceAuthorization> {
  const { client } = grant;
  const { server, spec, serverClocks, signal, clock } = attempt;
  const { authorizationServer: metadata } = wanted.target;
  const url = endpointUrl("device_authorization_endpoint", client, metadata);
  if (url === undefined) throw noDeviceEndpoint(server, client.issuer);
  const name = `the device authorization endpoint of ${client.issuer}`;
  const isLearned = url !== client.metadata?.deviceAuthorizationEndpoint;
  const rules: EgressRules = {
    server,
    configured: [spec.url, client.issuer, ...(isLearned ? [] : [url])],
    insecureHosts: attempt.metadata.insecureHosts,
  };
  assertLearnedUrl(url, name, rules);
  for (let hasCorrectedTime = false; ; hasCorrectedTime = true) {
    const time = serverClocks.at(url);
    const authentication = await authenticateClient(client, metadata, { time, url }, attempt);
    const { headers, body } = await deviceForm(grant, wanted, authentication.apply, attempt);
    const request: BoundedRequest = {
      ...{ server, target: name, endpoint: "device authorization endpoint", url, isLearned, method: "POST" },
      ...{ headers, body, timeout: spec.timeout, signal, clock },
    };
    const response = await boundedFetch(authentication.fetch, request).catch((error: unknown) => {
      if (error instanceof BodyTooLarge) return { status: error.status, headers: new Headers(), body: "" };
      throw error;
    });
    const { status } = response;
    if (status >= 200 && status < 300) {
      // People see this page, so only the place where they sign in may be on this machine.
      const ofPage = { ...rules, configured: [client.issuer] };
      return readDeviceAuthorization(response.body, { server, name }, ofPage);
    }
    const mayBeTime = time.isOutdated && !hasCorrectedTime;
    const isClient =
      rejectsCredential(status) || parseJsonObject(response.body)?.["error"] === "invalid_client";
    if (mayBeTime && isClient) continue;
    const facts = describeTokenEndpoint(
      server,
      client,
      metadata,
      { ...grantInUse, dpop: false },
      {
        clockSkew: time.uncorrected,
        sent: { authentication: authentication.facts },
      },
    );
    throw await rejection({ ...facts, name, learnedUrl: undefined }, response, clock.now());
  }
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
        const params = await readParams(grant, attempt);
        return await sendTokenRequest(
          {
            client,
            metadata: target.authorizationServer,
            endpointName: endpointName(grantInUse, client.issuer),
            parameters: async () => ({
              grantType,
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
    scopes,
    user: signedInUser(members, { issuer: client.issuer, clientId: client.id }),
  };
}

/** Returns the headers and the body of one device authorization request, with the client's credential. */
async function deviceForm(
  grant: RefreshTokenSpec,
  { target, scopes }: WantedSignIn,
  apply: Awaited<ReturnType<typeof authenticateClient>>["apply"],
  attempt: AttemptContext,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }> {
  const { client, audience } = grant;
  const clientId = client.id ?? "anonymous";
  const { params, secretParams } = await readParams(grant, attempt);
  const clientHeaders = await readClientHeaders(client, attempt);
  // RFC 8628 §3.1 requires the id only without client authentication. Many servers require it always.
  const body = new URLSearchParams({ client_id: clientId });
  if (scopes.length > 0) body.set("scope", scopes.join(" "));
  for (const [name, value] of resourceFields(target)) body.append(name, value);
  for (const value of audience) body.append("audience", value);
  for (const [name, value] of params) if (!body.has(name)) body.append(name, value);
  const headers = new Headers({ accept: "application/json", "user-agent": "mcp-auth-runtime" });
  addClientHeaders(headers, clientHeaders);
  await apply({ issuer: client.issuer }, { client_id: clientId }, body, headers);
  rememberSent(headers, body, { headers: clientHeaders.secret, params: secretParams });
  headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
  return { headers: Object.fromEntries(headers), body: body.toString() };
}

async function readParams(
  { params }: RefreshTokenSpec,
  attempt: AttemptContext,
): Promise<{ readonly params: readonly TokenField[]; readonly secretParams: readonly string[] }> {
  return {
    params: await Promise.all(Object.entries(params).map((param) => readParam(param, attempt))),
    secretParams: Object.keys(params).filter((name) => typeof params[name] !== "string"),
  };
}

async function rejection(
  endpoint: TokenEndpoint,
  { status, headers, body }: BoundedResponse,
  now: number,
): Promise<McpAuthError> {
  const members = parseJsonObject(body);
  const fields = errorFields(members);
  const { error, error_description } = fields;
  const texts = [error, error_description].filter((text) => typeof text === "string");
  const location = headers.get("location") ?? undefined;
  return await tokenRejection(endpoint, {
    ...{ status, location, retryAfter: retryAfterOf(headers, now) },
    oauthError: registeredError(members?.["error"]),
    errorCodes: errorCodesIn(members),
    explanation: texts.length === 0 ? undefined : texts.join(" "),
    details: { ...fields, location },
  });
}

function noDeviceEndpoint(server: string, issuer: string): McpAuthError {
  return new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": ${issuer} names no device authorization endpoint (RFC 8628), so nobody can sign in with this ` +
      'command. If it has one, set "deviceAuthorizationEndpoint" in the client\'s "metadata". Otherwise get a refresh token ' +
      'from it in another way, and set the grant\'s "refreshToken" to where it is.',
    { server },
  );
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

import type { RefreshTokenSpec } from "../../config/spec.js";
import { rejectsCredential } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import type { EgressRules } from "../../net/egress.js";
import type { AttemptContext } from "../attempt.js";
import { authenticateClient } from "../client-auth/authenticate-client.js";
import { findClientEndpoint, postForm } from "../client-endpoint.js";
import { deviceCodeGrantType } from "../grants/grant-type.js";
import { readParams, resourceFields } from "../grants/token-grant.js";
import { readErrorResponse } from "../token-endpoint/error-response.js";
import { describeTokenEndpoint } from "../token-endpoint/token-endpoint.js";
import { tokenRejection } from "../token-endpoint/token-rejection.js";
import type { TokenField } from "../token-endpoint/token-request.js";
import { type DeviceAuthorization, readDeviceAuthorization } from "./device-authorization.js";
import type { WantedSignIn } from "./find-sign-in.js";

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
  const { server, serverClocks, clock } = attempt;
  const { authorizationServer: metadata } = wanted.target;
  const endpoint = findClientEndpoint("device authorization endpoint", client, metadata, attempt);
  if (endpoint === undefined) throw noDeviceEndpoint(server, client.issuer);
  const { url, name } = endpoint;
  for (let hasCorrectedTime = false; ; hasCorrectedTime = true) {
    const time = serverClocks.at(url);
    const authentication = await authenticateClient(client, metadata, { time, url }, attempt);
    const { params, secretParams } = await readParams(grant.params, attempt);
    const fields = deviceForm(grant, wanted, params);
    const response = await postForm(endpoint, { fields, secretParams, client, authentication }, attempt);
    const { status } = response;
    if (status >= 200 && status < 300) {
      // People see this page, so only the place where they sign in may be on this machine.
      const rulesForPage: EgressRules = { ...endpoint.rules, configured: [client.issuer] };
      return readDeviceAuthorization(response.body, { server, name }, rulesForPage);
    }
    const rejected = readErrorResponse(response, clock.now());
    const rejectsClient = rejected.oauthError === "invalid_client" || rejectsCredential(status);
    if (rejectsClient && time.isOutdated && !hasCorrectedTime) continue;
    const inUse = { grantType: deviceCodeGrantType, presents: "client", dpop: false } as const;
    const sent = { clockSkew: time.uncorrected, sent: { authentication: authentication.facts } };
    const facts = describeTokenEndpoint(server, client, metadata, inUse, sent);
    throw await tokenRejection({ ...facts, name, url: undefined }, rejected);
  }
}

/** Returns the fields of a device authorization request, without the client's credential. */
function deviceForm(
  { client, audience }: RefreshTokenSpec,
  { target, scopes }: WantedSignIn,
  params: readonly TokenField[],
): URLSearchParams {
  // RFC 8628 §3.1 requires the id only without client authentication. Many servers require it always.
  const form = new URLSearchParams(client.id === undefined ? {} : { client_id: client.id });
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  for (const [name, value] of resourceFields(target)) form.append(name, value);
  for (const value of audience) form.append("audience", value);
  for (const [name, value] of params) if (!form.has(name)) form.append(name, value);
  return form;
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

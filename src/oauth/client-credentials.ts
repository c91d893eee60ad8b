import type { GrantSpec, ServerSpec } from "../config/spec.js";
import { findTarget } from "../discovery/find-target.js";
import type { Target } from "../discovery/metadata.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";
import { tokenEndpoint } from "./token-endpoint.js";
import { sendTokenRequest, type TokenAnswer } from "./token-request.js";
import { readTokenResponse } from "./token-response.js";

const grantType = "client_credentials";

/**
 * RFC 6749 §4.4 with the resource of RFC 8707: a token for the client itself. Rejects with the codes of `findTarget`,
 * `sendTokenRequest` and `readTokenResponse`.
 */
export function clientCredentials(
  spec: ServerSpec,
  grant: Extract<GrantSpec, { type: "client_credentials" }>,
  environment: GrantEnvironment,
): Grant {
  const { name: server, url, timeout } = spec;
  const { client } = grant;
  const { issuer } = client;
  const { fetch, clock, env, metadata, signedWith } = environment;

  return async ({ signal }) => {
    const find = (): Promise<Target> => {
      const challenge = environment.challenge?.();
      const known = challenge === undefined ? {} : { challenge };
      return findTarget(metadata, { server, url, issuer, timeout, signal, ...known });
    };
    const scopesFor = (target: Target): readonly string[] => grant.scopes ?? target.scopes ?? [];
    const send = (target: Target): Promise<TokenAnswer> =>
      sendTokenRequest(
        client,
        target.authorizationServer,
        { grantType, scopes: scopesFor(target), resource: target.resource },
        { server, env, fetch, clock, timeout, signal, signedWith },
      );

    let target = await find();
    let answer = await send(target);
    if (isGone(answer)) {
      // The metadata may be older than a move of the endpoint.
      metadata.forgetAuthorizationServer(issuer);
      const { token_endpoint } = target.authorizationServer;
      target = await find();
      if (target.authorizationServer.token_endpoint !== token_endpoint) answer = await send(target);
    }
    const endpoint = tokenEndpoint(server, client, target.authorizationServer, grantType);
    const token = readTokenResponse(answer, endpoint, scopesFor(target), clock.now());
    return { ...token, requestedAt: answer.requestedAt, issuer, resource: target.resource };
  };
}

function isGone({ response }: TokenAnswer): boolean {
  return response.status === 404 || response.status === 405;
}

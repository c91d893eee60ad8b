import type { GrantSpec, ServerSpec } from "../config/spec.js";
import { findTarget } from "../discovery/find-target.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
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
    const find = async (): Promise<Target> => {
      const wanted = { server, url, issuer, timeout, signal };
      const challenge = environment.challenge?.();
      if (challenge === undefined) return await findTarget(metadata, wanted);
      try {
        return await findTarget(metadata, { ...wanted, challenge });
      } catch (error) {
        if (signal.aborted || !isMisled(error)) throw error;
        // A challenge is a hint. One that leads nowhere must not be the end of a server that is well otherwise.
        const { scopes } = challenge;
        return await findTarget(metadata, {
          ...wanted,
          ...(scopes !== undefined && { challenge: { scopes } }),
        });
      }
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

/** That the server no longer names the issuer is said by whichever document says it; everything else may be the URL. */
function isMisled(error: unknown): boolean {
  return error instanceof McpAuthError && error.code !== "issuer_mismatch";
}

function isGone({ response }: TokenAnswer): boolean {
  return response.status === 404 || response.status === 405;
}

import type { RefreshTokenSpec, ServerSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import { readSecret } from "../../secrets/read-secret.js";
import { secretContext } from "../token-endpoint/request-context.js";
import type { TokenAnswer } from "../token-endpoint/token-request.js";
import type { Grant, GrantAttempt } from "./grant.js";
import type { GrantEnvironment, Redemption } from "./grant-environment.js";
import { tokenGrant } from "./token-grant.js";

/**
 * RFC 6749 §6: a token for a refresh token. The server may give another refresh token with it, and take the one before no
 * more (RFC 9700 §4.14.2): that is durable in the store before the access token is handed out, and one process at a time
 * redeems. Rejects with the codes of `tokenGrant`, `secret_unavailable`, and with `store_unavailable`, which is retryable:
 * without the store nothing is redeemed.
 */
export function refreshToken(
  spec: ServerSpec,
  grant: RefreshTokenSpec,
  environment: GrantEnvironment,
): Grant {
  const { refreshTokens, scopes } = environment;
  const { client } = grant;
  const redemptions = new WeakMap<GrantAttempt, Redemption>();
  const redeem = tokenGrant(spec, grant, environment, {
    grantType: "refresh_token",
    presents: "refresh_token",
    async present({ attempt }) {
      const current = redemptions.get(attempt)?.current.reveal();
      if (current === undefined)
        throw new TypeError("A refresh token is redeemed with the help of the store.");
      // Without `scope` the token is for all that the refresh token is good for.
      return { fields: [["refresh_token", current]], scopes: scopes ?? grant.scopes ?? [] };
    },
    sending: async (attempt) => await redemptions.get(attempt)?.sending(),
    received(answer, attempt) {
      redemptions.get(attempt)?.answered(answer.response.status, successorIn(answer));
    },
  });
  return async (attempt) => {
    if (refreshTokens === undefined) throw noStore(spec.name);
    const { name: server, timeout } = spec;
    const seed = await readSecret(grant.refreshToken, secretContext(spec, environment, attempt));
    const family = { server, issuer: client.issuer, clientId: client.id, seed };
    return await refreshTokens.redeem(family, { timeout, signal: attempt.signal }, async (redemption) => {
      const own: GrantAttempt = { ...attempt, signal: redemption.signal };
      redemptions.set(own, redemption);
      return await redeem(own);
    });
  };
}

/** Also in an answer whose access token cannot be used: the one before may be worth nothing by now. */
function successorIn({ response: { status, body } }: TokenAnswer): Secret | undefined {
  if (status < 200 || status >= 300) return undefined;
  const successor = parseJsonObject(body)?.["refresh_token"];
  return typeof successor === "string" && successor !== "" ? new Secret(successor) : undefined;
}

function noStore(server: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": the grant refresh_token needs a "store" that lasts, of the type file or redis.`,
    { server },
  );
}

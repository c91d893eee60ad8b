import type { RefreshTokenSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import { readSecret } from "../../secrets/read-secret.js";
import type { Grant } from "../attempt.js";
import { createAttempt } from "../attempt.js";
import { tokenGrant } from "./token-grant.js";

/**
 * RFC 6749 §6: a token for a refresh token. The server may replace the refresh token and refuse the previous one from then
 * on (RFC 9700 §4.14.2). So the successor is durable in the store before the access token is returned, and one process at
 * a time redeems. Rejects with the codes of `tokenGrant`, with `secret_unavailable`, and with `store_unavailable`, which
 * is retryable: nothing is redeemed without the store.
 */
export function refreshToken(grant: RefreshTokenSpec): Grant {
  const { client } = grant;
  const requestToken = tokenGrant(grant, {
    grantType: "refresh_token",
    presents: "refresh_token",
    async present(_request, { redemption, scopes }) {
      if (redemption === undefined)
        throw new TypeError("A refresh token is redeemed with the help of the store.");
      const fields = [["refresh_token", redemption.current.reveal()]] as const;
      // Without `scope` the server grants all scopes of the refresh token.
      return { fields, scopes: scopes ?? grant.scopes ?? [] };
    },
    received({ response: { status, body } }, { redemption }) {
      redemption?.answered(status, successorIn(status, body));
    },
  });
  return async function redeemRefreshToken(attempt) {
    const { server, refreshTokens, spec, signal } = attempt;
    if (refreshTokens === undefined) throw noStore(server);
    const seed = await readSecret(grant.refreshToken, attempt);
    const family = { server, issuer: client.issuer, clientId: client.id, seed };
    return await refreshTokens.redeem(family, { timeout: spec.timeout, signal }, async (redemption) => {
      const { manager, scopes, reads, notify, warn, warned } = attempt;
      const inherited = { spec, manager, scopes, reads, notify, warn, warned };
      return await requestToken(
        createAttempt(attempt, { ...inherited, signal: redemption.signal, redemption }),
      );
    });
  };
}

/** Also read from a response whose access token cannot be used: the server may have revoked the previous one by then. */
function successorIn(status: number, body: string): Secret | undefined {
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

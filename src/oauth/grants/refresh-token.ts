import type { GrantSpec, RefreshTokenSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { parseJsonObject } from "../../lib/json-object.js";
import { Secret } from "../../lib/secret.js";
import { readSecret } from "../../secrets/read-secret.js";
import { type AttemptContext, createAttempt, type Grant } from "../attempt.js";
import type { RefreshTokenFamily } from "../refresh-token-store.js";
import { tokenGrant } from "./token-grant.js";

/**
 * Creates the refresh token grant, RFC 6749 §6. The server may replace the refresh token and then refuse the previous
 * one (RFC 9700 §4.14.2). Therefore only one process at a time uses a refresh token, and its successor is in the store
 * before the access token is returned. Rejects with the codes of `tokenGrant`, with `secret_unavailable`, and with
 * `store_unavailable` (retryable).
 */
export function refreshToken(grant: RefreshTokenSpec): Grant {
  const requestToken = tokenGrant(grant, {
    grantType: "refresh_token",
    presents: "refresh_token",
    isFromLogin: grant.refreshToken === undefined,
    async readOwnFields(_request, { redemption, scopes }) {
      if (redemption === undefined)
        throw new TypeError("A refresh token can only be used through the store.");
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
    const family = await familyOf(grant, attempt);
    return await refreshTokens.redeem(family, { timeout: spec.timeout, signal }, async (redemption) => {
      const { manager, scopes, recorder, onCredentialChange, warn, warned } = attempt;
      const inherited = { spec, manager, scopes, recorder, onCredentialChange, warn, warned };
      return await requestToken(
        createAttempt(attempt, { ...inherited, signal: redemption.signal, redemption }),
      );
    });
  };
}

/** Returns the refresh token family of a server. Rejects with `secret_unavailable`. */
export async function familyOf(
  { client, refreshToken: reference }: RefreshTokenSpec,
  attempt: AttemptContext,
): Promise<RefreshTokenFamily> {
  const { server, spec } = attempt;
  const seed = reference && (await readSecret(reference, attempt, "the refresh token"));
  return { server, url: spec.url, issuer: client.issuer, clientId: client.id, seed };
}

/**
 * Returns whether somebody has signed in since the last request of this process, which therefore may succeed now.
 * Never rejects.
 */
export async function hasNewSignIn(grant: GrantSpec, attempt: AttemptContext): Promise<boolean> {
  if (grant.type !== "refresh_token" || grant.refreshToken !== undefined) return false;
  try {
    return (await attempt.refreshTokens?.isNew(await familyOf(grant, attempt))) === true;
  } catch (error) {
    if (error instanceof McpAuthError) return false;
    throw error;
  }
}

/**
 * Returns the new refresh token in a response. Reads it even if the access token is invalid, because the server may
 * have revoked the previous refresh token.
 */
function successorIn(status: number, body: string): Secret | undefined {
  if (status < 200 || status >= 300) return undefined;
  const successor = parseJsonObject(body)?.["refresh_token"];
  return typeof successor === "string" && successor !== "" ? new Secret(successor) : undefined;
}

function noStore(server: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": the grant refresh_token needs a persistent store. Set "store" to one of the type file or redis.`,
    { server },
  );
}

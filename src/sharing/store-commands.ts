import type { ServerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { Secret } from "../lib/secret.js";
import { pause } from "../lib/wait.js";
import { createAttempt, type OAuthRuntime } from "../oauth/attempt.js";
import { familyOf } from "../oauth/grants/refresh-token.js";
import type { RefreshTokenFamily } from "../oauth/refresh-token-store.js";
import { revokeToken, type TokenToRevoke } from "../oauth/revoke-token.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { AccessToken } from "../tokens/token.js";
import { hashOf, metadataPrefix, tokenPrefix } from "./entry-key.js";
import { refreshTokenKey, refreshTokenPrefix } from "./refresh-token-entry.js";
import { parseEntry, serializeEntry } from "./stored-format.js";
import { limitsKey } from "./stored-limits.js";

/**
 * The operations of the commands `store clear`, `revoke`, `login` and `headers` on the entries of one server. They reject with
 * `store_unavailable` and the codes of what is read or requested.
 */
export interface StoreCommands {
  /**
   * Deletes the entries of this server, its metadata and the metadata of its issuer. With the grant refresh_token, also
   * deletes all refresh tokens of its client. Returns the number of deleted entries.
   */
  forget(): Promise<number>;
  /** Deletes the entries of all servers, of this config and of any other. Returns their number. */
  forgetEverything(): Promise<number>;
  /**
   * Revokes the tokens that `forget` would delete (RFC 7009) and deletes them. Returns how many the authorization
   * server revoked, and for how many it does not support revocation. If one token cannot be read, nothing is revoked or
   * deleted: it rejects with `store_unavailable`, which is not retryable.
   */
  revoke(signal: AbortSignal): Promise<{ readonly revoked: number; readonly unsupported: number }>;
  /**
   * Returns whether the store has a refresh token of the family of this server. Rejects with `store_unavailable`, also
   * if the store cannot be written.
   */
  hasRefreshToken(signal: AbortSignal): Promise<boolean>;
  /**
   * Makes a refresh token the latest of its family, after a person has signed in. Deletes the access tokens of this
   * server, which may be those of another person. Rejects with `store_unavailable`, and with `aborted`.
   */
  replaceRefreshToken(refreshToken: Secret, signal: AbortSignal): Promise<void>;
  /**
   * Returns whether this token differs from the token of the previous call, in this or another process, and remembers a
   * hash of it until it has expired. A static token is always new, because a host that asks for it again wants it
   * again.
   */
  isNewToken(token: Pick<AccessToken, "accessToken" | "expiresAt">): Promise<boolean>;
}

/** Milliseconds for which the hash of a token is kept after its expiry, because clocks differ. */
const keptAfterExpiry = 60_000;
const lockAttempts = 40;
/** Milliseconds. */
const lockInterval = 50;

/** Returns the commands for the entries of one server. */
export function storeCommands(spec: ServerSpec, store: SharedStore, runtime: OAuthRuntime): StoreCommands {
  const { grant, name: server } = spec;
  const lastTokenKey = `given.${tokenPrefix(spec).slice("token.".length)}latest`;

  // A seed that was replaced is no longer in the config, so all refresh tokens of the client are included.
  const tokenKeys = async (): Promise<readonly string[]> => {
    const tokens = await store.keys(tokenPrefix(spec));
    if (grant.type !== "refresh_token") return tokens;
    const { issuer, id: clientId } = grant.client;
    return [...tokens, ...(await store.keys(refreshTokenPrefix({ issuer, clientId })))];
  };
  // The metadata of the MCP server and of its issuers, under every network trust.
  const metadataKeys = async (): Promise<readonly string[]> => {
    const issuers = grant.type === "static" ? [] : [grant.client.issuer];
    if (grant.type === "enterprise_managed") issuers.push(grant.idp.client.issuer);
    const prefixes = [
      metadataPrefix("resource", spec.url),
      ...issuers.map((issuer) => metadataPrefix("issuer", issuer)),
    ];
    return (await Promise.all(prefixes.map((prefix) => store.keys(prefix)))).flat();
  };
  const forget = async (keys: readonly string[]): Promise<number> => {
    await Promise.all(keys.map((key) => store.delete(key)));
    return keys.length;
  };
  const readToken = async (key: string): Promise<TokenToRevoke | undefined> => {
    const found = await store.read(key);
    // The entry may have expired since its key was listed.
    if (found.kind === "absent") return undefined;
    const fields = found.kind === "value" ? parseEntry(found.text) : undefined;
    const { accessToken, refreshToken } = fields ?? {};
    if (typeof refreshToken === "string") return { token: new Secret(refreshToken), hint: "refresh_token" };
    if (typeof accessToken === "string") return { token: new Secret(accessToken), hint: "access_token" };
    throw unreadable(server);
  };

  const family = async (signal: AbortSignal): Promise<RefreshTokenFamily> => {
    if (grant.type !== "refresh_token") throw new TypeError("Only the grant refresh_token has a family.");
    return await familyOf(grant, createAttempt(runtime, { spec, signal }));
  };

  return {
    async forget() {
      const metadata = await metadataKeys();
      const limits = await store.keys(limitsKey(tokenPrefix(spec)));
      return await forget([
        ...(await tokenKeys()),
        ...limits,
        ...(await store.keys(lastTokenKey)),
        ...metadata,
      ]);
    },
    forgetEverything: async () => await forget(await store.keys("")),
    async revoke(signal) {
      if (grant.type === "static") throw staticToken(server);
      const keys = await tokenKeys();
      const tokens = (await Promise.all(keys.map(readToken))).filter((token) => token !== undefined);
      // A server usually revokes the access tokens of a refresh token with it, so refresh tokens come first.
      tokens.sort((a, b) => b.hint.localeCompare(a.hint));
      const counts = { revoked: 0, unsupported: 0 };
      for (const token of tokens) {
        // No server can revoke an ID token, but RFC 7009 §2.2 makes it answer as if it had.
        if (grant.use === "id_token" && token.hint === "access_token") counts.unsupported += 1;
        else counts[await revokeToken(spec, grant.client, token, runtime, signal)] += 1;
      }
      await forget(keys);
      return counts;
    },
    async hasRefreshToken(signal) {
      const key = refreshTokenKey(await family(signal));
      await store.withLock(key, async () => {}, { bypass: true });
      return (await store.read(key)).kind !== "absent";
    },
    async replaceRefreshToken(refreshToken, signal) {
      await runtime.refreshTokens?.replace(await family(signal), refreshToken, signal);
      const accessTokens = await store.keys(tokenPrefix(spec));
      await forget([...accessTokens, ...(await store.keys(limitsKey(tokenPrefix(spec))))]);
    },
    async isNewToken({ accessToken, expiresAt }) {
      if (grant.type === "static") return true;
      const expiresIn = expiresAt - runtime.clock.now() + keptAfterExpiry;
      if (expiresIn <= 0) return true;
      const hash = hashOf(accessToken);
      const compare = async (): Promise<boolean> => {
        const found = await store.read(lastTokenKey);
        if (found.kind === "value" && parseEntry(found.text)?.["hash"] === hash) return false;
        await store.write(lastTokenKey, serializeEntry({ hash }), { expiresIn });
        return true;
      };
      for (let attempt = 0; attempt < lockAttempts; attempt += 1) {
        const locked = await store.withLock(lastTokenKey, compare);
        if (locked.acquired) return locked.value;
        await pause(lockInterval, { clock: runtime.clock });
      }
      return await compare();
    },
  };
}

function unreadable(server: string): McpAuthError {
  return new McpAuthError(
    "store_unavailable",
    `Server "${server}": could not read one of its entries in the store. It is damaged, of a later version of this package, or ` +
      'encrypted with a key that "encryptionKey" does not name. Nothing was revoked or deleted. Add that key, or delete the ' +
      `entries with npx mcp-auth-runtime store clear ${server}`,
    { server },
  );
}

function staticToken(server: string): McpAuthError {
  return new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": its token is static. Revoke it where it was issued.`,
    { server },
  );
}

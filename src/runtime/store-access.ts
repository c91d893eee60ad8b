import type { ServerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { parseJsonObject } from "../lib/json-object.js";
import { Secret } from "../lib/secret.js";
import { revokeToken, type TokenToRevoke } from "../oauth/revoke-token.js";
import { readSecret } from "../secrets/read-secret.js";
import type { SharedStore } from "../stores/shared-store.js";
import { hashOf, tokenPrefix } from "../tokens/entry-key.js";
import { refreshTokenKey } from "../tokens/refresh-token-entry.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import type { StoreSeam } from "./seam.js";

/** How long what was given is remembered: longer than any token lives that is asked for again and again. */
const rememberedFor = 24 * 3_600_000;
const triesForLock = 40;
const betweenTries = 50;

/** What commands may do with what is stored for one server. */
export function storeAccess(
  spec: ServerSpec,
  store: SharedStore,
  environment: ManagerEnvironment,
): StoreSeam {
  const { grant, name: server } = spec;
  const given = `given.${tokenPrefix(spec).slice("token.".length)}latest`;

  /** The key of the refresh token that the server's grant would redeem. */
  const refreshKey = async (): Promise<string | undefined> => {
    if (grant.type !== "refresh_token") return undefined;
    const { issuer, id: clientId } = grant.client;
    const seed = await readSecret(grant.refreshToken, { ...environment, server });
    return refreshTokenKey({ issuer, clientId, seed });
  };
  const keysOfServer = async (): Promise<readonly string[]> => {
    const refresh = await refreshKey();
    return [...(await store.keys(tokenPrefix(spec))), ...(refresh === undefined ? [] : [refresh])];
  };
  const forget = async (keys: readonly string[]): Promise<number> => {
    await Promise.all(keys.map((key) => store.delete(key)));
    return keys.length;
  };
  const tokenAt = async (key: string): Promise<TokenToRevoke | undefined> => {
    const found = await store.read(key);
    const fields = found.kind === "value" ? parseJsonObject(found.text) : undefined;
    const { accessToken, refreshToken } = fields ?? {};
    if (typeof refreshToken === "string") return { token: new Secret(refreshToken), hint: "refresh_token" };
    return typeof accessToken === "string"
      ? { token: new Secret(accessToken), hint: "access_token" }
      : undefined;
  };

  return {
    forget: async () => await forget([...(await keysOfServer()), given]),
    forgetEverything: async () => await forget(await store.keys("")),
    async revoke(signal) {
      if (grant.type === "static") throw notOurs(server);
      const keys = await keysOfServer();
      const tokens = (await Promise.all(keys.map(tokenAt))).filter((token) => token !== undefined);
      // With the refresh token a server usually revokes what came from it.
      tokens.sort((a, b) => b.hint.localeCompare(a.hint));
      const counts = { revoked: 0, unsupported: 0 };
      for (const token of tokens) {
        counts[await revokeToken(spec, grant.client, token, environment, signal)] += 1;
      }
      await forget(keys);
      return counts;
    },
    async isNews(accessToken) {
      const hash = hashOf(accessToken);
      const compare = async (): Promise<boolean> => {
        const found = await store.read(given);
        if (found.kind === "value" && found.text === hash) return false;
        await store.write(given, hash, { expiresIn: rememberedFor });
        return true;
      };
      for (let tries = 0; tries < triesForLock; tries += 1) {
        const locked = await store.withLock(given, compare);
        if (locked.acquired) return locked.value;
        await new Promise((resolve) => setTimeout(resolve, betweenTries));
      }
      return await compare();
    },
  };
}

function notOurs(server: string): McpAuthError {
  return new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": its token is a static one, which something else has issued and can revoke.`,
    { server },
  );
}

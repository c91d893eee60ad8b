import type { ServerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { parseJsonObject } from "../lib/json-object.js";
import { Secret } from "../lib/secret.js";
import { revokeToken, type TokenToRevoke } from "../oauth/revoke-token.js";
import { hashOf, metadataPrefix, tokenPrefix } from "../sharing/entry-key.js";
import { refreshTokenPrefix } from "../sharing/refresh-token-entry.js";
import { formatVersion } from "../sharing/stored-format.js";
import { limitsKey } from "../sharing/stored-limits.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { StoreCommands } from "./manager-internals.js";
import type { RuntimeContext } from "./runtime-context.js";

/** How long after its expiry what was given is remembered: clocks differ. */
const rememberedAfter = 60_000;
const triesForLock = 40;
const betweenTries = 50;

/** What commands may do with what is stored for one server. */
export function storeAccess(spec: ServerSpec, store: SharedStore, runtime: RuntimeContext): StoreCommands {
  const { grant, name: server } = spec;
  const given = `given.${tokenPrefix(spec).slice("token.".length)}latest`;

  // Of the refresh tokens all that the client has, whatever they came from: of a seed that was replaced nobody else knows.
  const keysOfServer = async (): Promise<readonly string[]> => {
    const tokens = await store.keys(tokenPrefix(spec));
    if (grant.type !== "refresh_token") return tokens;
    const { issuer, id: clientId } = grant.client;
    return [...tokens, ...(await store.keys(refreshTokenPrefix({ issuer, clientId })))];
  };
  // That of the MCP server and of its issuers, under every network trust.
  const metadataOfServer = async (): Promise<readonly string[]> => {
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
  const tokenAt = async (key: string): Promise<TokenToRevoke | undefined> => {
    const found = await store.read(key);
    // It has expired meanwhile.
    if (found.kind === "absent") return undefined;
    const fields = found.kind === "value" ? parseJsonObject(found.text) : undefined;
    const { v, accessToken, refreshToken } = fields ?? {};
    if (v !== formatVersion) throw unreadable(server);
    if (typeof refreshToken === "string") return { token: new Secret(refreshToken), hint: "refresh_token" };
    if (typeof accessToken === "string") return { token: new Secret(accessToken), hint: "access_token" };
    throw unreadable(server);
  };

  return {
    async forget() {
      const metadata = await metadataOfServer();
      const limits = await store.keys(limitsKey(tokenPrefix(spec)));
      return await forget([...(await keysOfServer()), ...limits, ...(await store.keys(given)), ...metadata]);
    },
    forgetEverything: async () => await forget(await store.keys("")),
    async revoke(signal) {
      if (grant.type === "static") throw notOurs(server);
      const keys = await keysOfServer();
      const tokens = (await Promise.all(keys.map(tokenAt))).filter((token) => token !== undefined);
      // With the refresh token a server usually revokes what came from it.
      tokens.sort((a, b) => b.hint.localeCompare(a.hint));
      const counts = { revoked: 0, unsupported: 0 };
      for (const token of tokens) {
        counts[await revokeToken(spec, grant.client, token, runtime, signal)] += 1;
      }
      await forget(keys);
      return counts;
    },
    async isNewToken({ accessToken, expiresAt }) {
      if (grant.type === "static") return true;
      const expiresIn = expiresAt - runtime.clock.now() + rememberedAfter;
      if (expiresIn <= 0) return true;
      const hash = hashOf(accessToken);
      const compare = async (): Promise<boolean> => {
        const found = await store.read(given);
        if (found.kind === "value" && found.text === hash) return false;
        await store.write(given, hash, { expiresIn });
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

function unreadable(server: string): McpAuthError {
  return new McpAuthError(
    "store_unavailable",
    `Server "${server}": an entry that is stored for it cannot be read: it is damaged, of a later version of this package, or ` +
      'sealed with a key that is not among those of "encryptionKey". Nothing was revoked and nothing forgotten. Name that key ' +
      `again; or forget what is stored, with npx mcp-auth-runtime store clear ${server}`,
    { server },
  );
}

function notOurs(server: string): McpAuthError {
  return new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": its token is a static one, which something else has issued and can revoke.`,
    { server },
  );
}

import { McpAuthError } from "../errors/error.js";
import { Secret } from "../lib/secret.js";
import { version } from "../lib/version.js";
import type { RefreshTokenFamily } from "../oauth/refresh-token-store.js";
import type { OperationOptions } from "../stores/circuit-breaker.js";
import { storeUnavailable } from "../stores/failure.js";
import type { ReadResult, SharedStore } from "../stores/shared-store.js";
import { hashOf } from "./entry-key.js";
import { isLaterEntry, parseEntry, serializeEntry } from "./stored-format.js";

/**
 * Milliseconds after which an unused refresh token family expires. The remaining time that the store returns shows the
 * age of an entry, measured by the clock of the store.
 */
const retention = 400 * 24 * 3_600_000;

export interface RefreshTokenEntry {
  readonly refreshToken: Secret;
  /** Milliseconds for which the token may be in flight. No other process sends it during that time. */
  readonly inFlightFor: number;
}

/**
 * Returns the key of a family. Another seed is another family, so the entry of the previous seed is no longer found.
 * Without a seed, what people sign in to decides: the MCP server.
 */
export function refreshTokenKey({ issuer, clientId, seed, url }: Omit<RefreshTokenFamily, "server">): string {
  const first = seed === undefined ? ["login", url] : seed.reveal();
  return `${refreshTokenPrefix({ issuer, clientId })}${hashOf(first)}`;
}

/** Returns the prefix of the keys of all families of one client. */
export function refreshTokenPrefix({
  issuer,
  clientId,
}: Pick<RefreshTokenFamily, "issuer" | "clientId">): string {
  return `refresh.${hashOf([issuer, clientId ?? null])}.`;
}

/**
 * Reads the latest refresh token of a family. Rejects with `secret_unavailable` if there is none, and with
 * `store_unavailable`, also for an entry that cannot be decrypted, or that a later version of this package wrote. Such
 * an entry must not be treated as absent: the token in the config was redeemed already, and writing over the entry
 * would destroy the only one that still works.
 */
export async function readRefreshToken(
  store: SharedStore,
  key: string,
  { server, seed }: Pick<RefreshTokenFamily, "server" | "seed">,
): Promise<RefreshTokenEntry> {
  const found = await store.read(key);
  const entry = entryIn(found, seed);
  if (entry !== undefined) return entry;
  if (found.kind === "absent") throw nobodySignedIn(server);
  const isLater = found.kind === "later" || (found.kind === "value" && isLaterEntry(found.text));
  const message = isLater ? ofLaterVersion(server) : unreadable(server, seed);
  throw new McpAuthError("store_unavailable", message, { server });
}

/**
 * Returns whether the latest refresh token of a family is still this one. If the entry cannot be decrypted, or a later
 * version of this package wrote it, another process has replaced the token. Rejects with `store_unavailable`.
 */
export async function isLatestRefreshToken(
  store: SharedStore,
  key: string,
  { seed, refreshToken }: Pick<RefreshTokenFamily, "seed"> & Pick<RefreshTokenEntry, "refreshToken">,
  options?: OperationOptions,
): Promise<boolean> {
  const entry = entryIn(await store.read(key, options), seed);
  return entry?.refreshToken.reveal() === refreshToken.reveal();
}

/**
 * Writes the latest refresh token of a family. Rejects with `store_unavailable`, also if another process has a later
 * lease: it has read what this process wrote before, and decides what to do with it.
 */
export async function writeRefreshToken(
  store: SharedStore,
  key: string,
  { refreshToken, inFlightFor }: RefreshTokenEntry,
  fence: number,
): Promise<void> {
  const text = serializeEntry({
    refreshToken: refreshToken.reveal(),
    ...(inFlightFor > 0 && { inFlightFor }),
  });
  // A refresh token that is not written is lost, so this bypasses the circuit breaker.
  const written = await store.write(key, text, { fence, expiresIn: retention, bypass: true });
  if (!written) throw storeUnavailable();
}

function ofLaterVersion(server: string): string {
  return (
    `Server "${server}": a later version of mcp-auth-runtime wrote the refresh token in the store, and this is version ` +
    `${version}. It was kept. Run that version or a newer one here.`
  );
}

function unreadable(server: string, seed: Secret | undefined): string {
  const renew =
    seed === undefined
      ? `sign in again: npx mcp-auth-runtime login ${server}`
      : 'get a new refresh token and put it where the grant\'s "refreshToken" is read.';
  return (
    `Server "${server}": could not read the refresh token in the store. It is damaged, or encrypted with a key that ` +
    `"encryptionKey" does not name. Add that key, or ${renew}`
  );
}

function nobodySignedIn(server: string): McpAuthError {
  return new McpAuthError(
    "secret_unavailable",
    `Server "${server}": the store has no refresh token, because nobody has signed in yet, or because it was deleted. ` +
      `Sign in once: npx mcp-auth-runtime login ${server}`,
    { server },
  );
}

function entryIn(found: ReadResult, seed: Secret | undefined): RefreshTokenEntry | undefined {
  if (found.kind === "absent") return seed && { refreshToken: seed, inFlightFor: 0 };
  return found.kind === "value" ? parse(found.text, found.expiresIn) : undefined;
}

function parse(text: string, expiresIn: number | undefined): RefreshTokenEntry | undefined {
  const { refreshToken, inFlightFor } = parseEntry(text) ?? {};
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  const age = expiresIn === undefined ? Number.POSITIVE_INFINITY : Math.max(retention - expiresIn, 0);
  const remaining = typeof inFlightFor === "number" ? Math.max(inFlightFor - age, 0) : 0;
  return { refreshToken: new Secret(refreshToken), inFlightFor: remaining };
}

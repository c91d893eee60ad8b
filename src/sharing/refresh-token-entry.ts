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
 */
export function refreshTokenKey({ issuer, clientId, seed }: Omit<RefreshTokenFamily, "server">): string {
  return `${refreshTokenPrefix({ issuer, clientId })}${hashOf(seed.reveal())}`;
}

/** Returns the prefix of the keys of all families of one client. */
export function refreshTokenPrefix({
  issuer,
  clientId,
}: Pick<RefreshTokenFamily, "issuer" | "clientId">): string {
  return `refresh.${hashOf([issuer, clientId ?? null])}.`;
}

/**
 * Reads the latest refresh token of a family. Rejects with `store_unavailable`, also for an entry that cannot be
 * decrypted, or that a later version of this package wrote. Such an entry must not be treated as absent: the token in
 * the config was redeemed already, and writing over the entry would destroy the only one that still works.
 */
export async function readRefreshToken(
  store: SharedStore,
  key: string,
  { server, seed }: Pick<RefreshTokenFamily, "server" | "seed">,
): Promise<RefreshTokenEntry> {
  const found = await store.read(key);
  const entry = entryIn(found, seed);
  if (entry !== undefined) return entry;
  const isLater = found.kind === "later" || (found.kind === "value" && isLaterEntry(found.text));
  throw new McpAuthError("store_unavailable", (isLater ? ofLaterVersion : unreadable)(server), { server });
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

function unreadable(server: string): string {
  return (
    `Server "${server}": could not read the refresh token in the store. It is damaged, or encrypted with a key that ` +
    '"encryptionKey" does not name. Add that key, or get a new refresh token and put it where the grant\'s "refreshToken" is ' +
    "read."
  );
}

function entryIn(found: ReadResult, seed: Secret): RefreshTokenEntry | undefined {
  if (found.kind === "absent") return { refreshToken: seed, inFlightFor: 0 };
  return found.kind === "value" ? parse(found.text, found.expiresIn) : undefined;
}

function parse(text: string, expiresIn: number | undefined): RefreshTokenEntry | undefined {
  const { refreshToken, inFlightFor } = parseEntry(text) ?? {};
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  const age = expiresIn === undefined ? Number.POSITIVE_INFINITY : Math.max(retention - expiresIn, 0);
  const remaining = typeof inFlightFor === "number" ? Math.max(inFlightFor - age, 0) : 0;
  return { refreshToken: new Secret(refreshToken), inFlightFor: remaining };
}

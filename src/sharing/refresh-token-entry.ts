import { McpAuthError } from "../errors/error.js";
import { parseJsonObject } from "../lib/json-object.js";
import { Secret } from "../lib/secret.js";
import type { RefreshTokenFamily } from "../oauth/refresh-tokens.js";
import type { OperationOptions } from "../stores/circuit-breaker.js";
import { storeUnavailable } from "../stores/failure.js";
import type { SharedStore } from "../stores/shared-store.js";
import { hashOf } from "./entry-key.js";
import { formatVersion } from "./stored-format.js";

/**
 * Milliseconds after which a lineage is forgotten that nobody has used. As the store says what is left of it, it also says
 * how long ago an entry was written, by its own clock and by no other.
 */
const retention = 400 * 24 * 3_600_000;

export interface RefreshTokenEntry {
  readonly refreshToken: Secret;
  /** Milliseconds for which it may be on its way to the server: nobody else sends it. */
  readonly inFlightFor: number;
}

/** Another seed is another lineage: what was stored for the one before is not found any more. */
export function refreshTokenKey({ issuer, clientId, seed }: Omit<RefreshTokenFamily, "server">): string {
  return `${refreshTokenPrefix({ issuer, clientId })}${hashOf(seed.reveal())}`;
}

/** What the keys of all lineages of one client begin with. */
export function refreshTokenPrefix({
  issuer,
  clientId,
}: Pick<RefreshTokenFamily, "issuer" | "clientId">): string {
  return `refresh.${hashOf([issuer, clientId ?? null])}.`;
}

/** The latest of a lineage. Rejects with `store_unavailable`, also for what cannot be read. */
export async function readRefreshToken(
  store: SharedStore,
  key: string,
  { server, seed }: Pick<RefreshTokenFamily, "server" | "seed">,
  options?: OperationOptions,
): Promise<RefreshTokenEntry> {
  const found = await store.read(key, options);
  if (found.kind === "absent") return { refreshToken: seed, inFlightFor: 0 };
  const entry = found.kind === "value" ? parse(found.text, found.expiresIn) : undefined;
  if (entry !== undefined) return entry;
  throw new McpAuthError(
    "store_unavailable",
    `Server "${server}": the refresh token in the store cannot be read: it is damaged, of a later version of this package, ` +
      'or sealed with a key that is not among those of "encryptionKey". Name that key again; or get a new refresh token and ' +
      'put it where the grant\'s "refreshToken" is read.',
    { server },
  );
}

/**
 * Rejects with `store_unavailable`, also when somebody has a later lease: what they do with it is theirs, and they have seen
 * what was written here before.
 */
export async function writeRefreshToken(
  store: SharedStore,
  key: string,
  { refreshToken, inFlightFor }: RefreshTokenEntry,
  fence: number,
): Promise<void> {
  const text = JSON.stringify({
    v: formatVersion,
    refreshToken: refreshToken.reveal(),
    ...(inFlightFor > 0 && { inFlightFor }),
  });
  // What is lost here is lost for good, so that an outage is no reason not to try.
  const written = await store.write(key, text, { fence, expiresIn: retention, bypass: true });
  if (!written) throw storeUnavailable();
}

function parse(text: string, expiresIn: number | undefined): RefreshTokenEntry | undefined {
  const fields = parseJsonObject(text);
  // One of a later version is not understood, and must not be passed over.
  if (fields === undefined || fields["v"] !== formatVersion) return undefined;
  const { refreshToken, inFlightFor } = fields;
  if (typeof refreshToken !== "string" || refreshToken === "") return undefined;
  const age = expiresIn === undefined ? Number.POSITIVE_INFINITY : Math.max(retention - expiresIn, 0);
  const left = typeof inFlightFor === "number" ? Math.max(inFlightFor - age, 0) : 0;
  return { refreshToken: new Secret(refreshToken), inFlightFor: left };
}

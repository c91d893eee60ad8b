import { stat } from "node:fs/promises";
import { relative } from "node:path";
import { hasErrorCode, ignoreSystemError } from "../../errors/expected-errors.js";
import type { PublicJwk } from "../../keys/signing-key.js";
import { systemClock } from "../../lib/clock.js";
import { shellQuoted } from "../../lib/shell-quoted.js";
import type { CommandIo } from "../io.js";
import type { ConfigKey } from "./config-keys.js";
import type { PublicSet } from "./public-set.js";

const minute = 60_000;
const day = 24 * 60 * minute;

/** Servers read a JWK Set again after some minutes, an hour, or at the latest a day. */
const longestCache = day;

/**
 * A request that is refused with a key younger than this is followed by one with the previous key: see
 * `BundleHistory`. Until then the previous key is in use.
 */
const fallbackTime = 10 * minute;

interface Printed {
  readonly keys: readonly ConfigKey[];
  readonly set: PublicSet;
  readonly next: string | undefined;
  readonly cwd: string;
  /** The command that was typed, without its options. */
  readonly command: string;
}

/** Says when a key of the set may be used, or how long another one is still needed. */
export async function printRotation(
  { keys, set, next, cwd, command }: Printed,
  { print }: CommandIo,
): Promise<void> {
  const now = systemClock.now();
  const [key] = keys;
  if (next === undefined || key === undefined) {
    for (const line of await recentReplacements(keys, cwd, now)) print.note(line);
    return;
  }
  const [currentJwk, nextJwk] = set.keys;
  const steps = rotationSteps({ key, command, next, currentJwk, nextJwk, cwd, now });
  for (const line of steps) print.note(line);
}

interface Rotation {
  readonly key: ConfigKey;
  /** The command that prints the set, with the name that was typed: `keys jwks agent`. */
  readonly command: string;
  /** Absolute: the file of the next key. */
  readonly next: string;
  /** The public keys of both. */
  readonly currentJwk: PublicJwk | undefined;
  readonly nextJwk: PublicJwk | undefined;
  readonly cwd: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Returns what to do with a set that has the current and the next key, and when. */
export function rotationSteps(rotation: Rotation): readonly string[] {
  const { key, command, next, currentJwk, nextJwk, cwd, now } = rotation;
  const { spec, lifetime } = key;
  const nextKid = nextJwk?.["kid"];
  const current = "privateKey" in spec && "file" in spec.privateKey ? spec.privateKey : undefined;
  const path = (file: string): string => shellQuoted(relative(cwd, file) || file);
  const swap =
    current === undefined || current.pointer !== undefined
      ? `replace the key that the config refers to by ${path(next)}`
      : `mv ${path(next)} ${path(current.file)}`;
  const shown = nextKid === undefined ? "the next key" : `the kid ${nextKid}`;
  return [
    "The set has the current key and the next one.",
    "1. Publish it now, or register both keys. Servers may keep the old set for a day.",
    `2. Not before ${utc(now + longestCache)}, if you publish it now: ${swap}`,
    `3. Keep both published until all instances have used ${shown} (see their status) for ${minutes(overlap(lifetime))}:`,
    "   requests may fall back to the old key for ten minutes, and its last assertion must expire.",
    `4. Only then publish the next key alone: npx mcp-auth-runtime ${command}`,
    ...(isOfOtherType(currentJwk, nextJwk) ? [otherType] : []),
  ];
}

const otherType =
  "warning: The next key is of another type. If the registration of the client names the algorithm " +
  "(token_endpoint_auth_signing_alg), servers refuse the next key until that is changed.";

function isOfOtherType(current: PublicJwk | undefined, next: PublicJwk | undefined): boolean {
  return current?.["kty"] !== next?.["kty"] || current?.["crv"] !== next?.["crv"];
}

/**
 * Returns a warning for each key whose file was replaced a moment ago, because the set lacks the previous key, which may
 * still be in use.
 */
export async function recentReplacements(
  keys: readonly ConfigKey[],
  cwd: string,
  now: number,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const { spec, label, lifetime } of keys) {
    if (!("privateKey" in spec) || !("file" in spec.privateKey)) continue;
    const { file } = spec.privateKey;
    const end = (await changedAt(file)) + overlap(lifetime);
    if (end <= now) continue;
    warnings.push(
      `${label}: ${shellQuoted(relative(cwd, file) || file)} is new. If it replaced a key, keep that one published too ` +
        `until ${utc(end)}, because its assertions may still be in use.`,
    );
  }
  return warnings;
}

/** How long the previous key must stay published after a replacement, in milliseconds. */
function overlap(lifetime: number): number {
  return fallbackTime + lifetime;
}

/** Renaming a file keeps the time of its content, but not that of its state. */
async function changedAt(file: string): Promise<number> {
  try {
    return (await stat(file)).ctimeMs;
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) ignoreSystemError(error);
    return 0;
  }
}

/** The next full minute. */
function utc(time: number): string {
  const text = new Date(Math.ceil(time / minute) * minute).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}

function minutes(time: number): string {
  return `${Math.ceil(time / minute)} minutes`;
}

import type { FlattenedJWE } from "jose";
import { McpAuthError } from "../errors/error.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { fingerprintOf, type Secret } from "../lib/secret.js";
import { withinTime } from "../lib/wait.js";
import { longestValue } from "./store.js";

/** 32 bytes each, base64url. The first encrypts, all of them decrypt. */
export type EncryptionKeys = () => Promise<readonly Secret[]>;

/** Milliseconds for which keys are believed. One that is not known is looked for at once, within the limits below. */
const keysKnownFor = 60_000;
/** Milliseconds between two prefetched for the sake of keys that are not known: reading may run a command. */
const searchPause = 5_000;
/** Ids of keys that were looked for and are not there, until the keys are read again for another reason. */
const mostMissing = 100;
/** Milliseconds that reading them may take. */
const readingLimit = 10_000;

const kidLength = 8;

interface KeyRing {
  readonly keys: ReadonlyMap<string, Uint8Array>;
  /** Of the one that encrypts. */
  readonly kid: string;
  readonly readAt: number;
}

/**
 * Values as flattened JWE (RFC 7516 §7.2.2), `dir` with A256GCM, with the key of their entry as additional data: one that
 * was moved to another entry does not open.
 */
export class Seal {
  readonly #read: EncryptionKeys;
  readonly #clock: Clock;
  #ring: Promise<KeyRing> | undefined;
  readonly #missing = new Set<string>();
  #searchedAt = Number.NEGATIVE_INFINITY;

  constructor(read: EncryptionKeys, clock: Clock = systemClock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Rejects with the codes of the function that reads the keys. */
  async assertKeys(): Promise<void> {
    await this.#keys();
  }

  /** Rejects with the codes of the function that reads the keys. */
  async close(entry: string, text: string): Promise<string> {
    const [{ keys, kid }, { FlattenedEncrypt }] = await Promise.all([
      this.#keys(),
      import("jose/jwe/flattened/encrypt"),
    ]);
    const key = keys.get(kid);
    if (key === undefined) throw new TypeError("The key that encrypts is one of the keys.");
    const jwe = await new FlattenedEncrypt(new TextEncoder().encode(text))
      .setProtectedHeader({ alg: "dir", enc: "A256GCM", kid })
      .setAdditionalAuthenticatedData(new TextEncoder().encode(entry))
      .encrypt(key);
    return JSON.stringify(jwe);
  }

  /** `undefined` for what does not open: damaged, of another entry, or encrypted with a key that there is not. */
  async open(entry: string, sealed: string): Promise<string | undefined> {
    const jwe = sealed.length > longestValue ? undefined : flattened(sealed);
    if (jwe === undefined) return undefined;
    const { flattenedDecrypt } = await import("jose/jwe/flattened/decrypt");
    const key = (await this.#keys()).keys.get(jwe.kid) ?? (await this.#search(jwe.kid));
    if (key === undefined) return undefined;
    try {
      // What it says of itself is not believed: this is the entry that it was found in.
      const aad = Buffer.from(entry).toString("base64url");
      const { plaintext } = await flattenedDecrypt({ ...jwe.value, aad }, key, {
        keyManagementAlgorithms: ["dir"],
        contentEncryptionAlgorithms: ["A256GCM"],
      });
      return new TextDecoder().decode(plaintext);
    } catch {
      return undefined;
    }
  }

  /** Reads the keys again for one that is not among them, unless that was done a moment ago, or for this one already. */
  async #search(kid: string): Promise<Uint8Array | undefined> {
    const age = this.#clock.now() - this.#searchedAt;
    // A clock that was set back does not make the pause longer.
    const isTooSoon = age >= 0 && age < searchPause;
    if (!isTooSoon && !this.#missing.has(kid)) {
      this.#searchedAt = this.#clock.now();
      const found = (await this.#keys(true)).keys.get(kid);
      if (found !== undefined) return found;
      this.#missing.add(kid);
      const [oldest] = this.#missing;
      if (this.#missing.size > mostMissing && oldest !== undefined) this.#missing.delete(oldest);
    }
    // Somebody else may be reading them for another one.
    return (await this.#keys()).keys.get(kid);
  }

  async #keys(anew = false): Promise<KeyRing> {
    const latest = this.#ring;
    const known = await latest?.catch(() => undefined);
    // Somebody else has begun to read them in the meantime.
    if (this.#ring !== latest) return await this.#keys();
    const age = known === undefined ? Number.NaN : this.#clock.now() - known.readAt;
    if (known !== undefined && !anew && age >= 0 && age < keysKnownFor) return known;
    if (!anew) this.#missing.clear();
    // Whoever asks meanwhile waits for the same keys.
    const ring = this.#load(known);
    this.#ring = ring;
    return await ring;
  }

  /** Those that were `known` before serve on where they cannot be read again. */
  async #load(known: KeyRing | undefined): Promise<KeyRing> {
    const readAt = this.#clock.now();
    let secrets: readonly Secret[];
    try {
      secrets = await this.#readInTime();
    } catch (error) {
      if (known === undefined) throw error;
      return { ...known, readAt };
    }
    const keys = new Map(
      secrets.map((secret) => [kidOf(secret), Buffer.from(secret.reveal(), "base64url")] as const),
    );
    const [kid] = keys.keys();
    if (kid === undefined) throw new TypeError("There is at least one key.");
    return { keys, kid, readAt };
  }

  /** Whatever they are read from may not answer. */
  async #readInTime(): Promise<readonly Secret[]> {
    // In `then`, so that a function that throws is handled like one that rejects.
    const reading = Promise.resolve().then(this.#read);
    const late = (): McpAuthError =>
      new McpAuthError(
        "secret_unavailable",
        `The store of the config: its encryption key was not there within ${readingLimit / 1_000} s.`,
        { retryable: true },
      );
    return await withinTime(reading, readingLimit, late, { clock: this.#clock });
  }
}

/** Names a key without telling anything of it: it is random, and this is too short to be found again. */
function kidOf(secret: Secret): string {
  return fingerprintOf([secret]).slice(0, kidLength);
}

function flattened(text: string): { readonly value: FlattenedJWE; readonly kid: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { ciphertext, iv, tag, protected: header } = value as Readonly<Record<string, unknown>>;
    if (typeof ciphertext !== "string" || typeof iv !== "string") return undefined;
    if (typeof tag !== "string" || typeof header !== "string") return undefined;
    const { kid }: { kid?: unknown } = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    // Of another length it is none of ours, and not to be remembered.
    if (typeof kid !== "string" || kid.length !== kidLength) return undefined;
    return { value: { ciphertext, iv, tag, protected: header }, kid };
  } catch {
    return undefined;
  }
}

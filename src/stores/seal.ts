import type { FlattenedJWE } from "jose";
import { McpAuthError } from "../errors/error.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { fingerprintOf } from "../lib/fingerprint.js";
import type { Secret } from "../lib/secret.js";
import { settledWithin } from "../lib/settled-within.js";
import { longestValue } from "./longest-value.js";

/** 32 bytes each, base64url. The first encrypts, all of them decrypt. */
export type EncryptionKeys = () => Promise<readonly Secret[]>;

/** Milliseconds for which keys are believed; one that is not known is looked for at once. */
const keysKnownFor = 60_000;
/** Milliseconds that reading them may take. */
const readingLimit = 10_000;

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
    const known = await this.#keys();
    const ring = known.keys.has(jwe.kid) ? known : await this.#keys(true);
    const key = ring.keys.get(jwe.kid);
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

  async #keys(anew = false): Promise<KeyRing> {
    const known = await this.#ring?.catch(() => undefined);
    const age = known === undefined ? Number.NaN : this.#clock.now() - known.readAt;
    if (known !== undefined && !anew && age >= 0 && age < keysKnownFor) return known;
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
    const reading = Promise.resolve().then(this.#read);
    await settledWithin(reading, readingLimit, this.#clock);
    const late = new McpAuthError(
      "secret_unavailable",
      `The store of the config: its encryption key was not there within ${readingLimit / 1_000} s.`,
      { retryable: true },
    );
    return await Promise.race([reading, Promise.reject(late)]);
  }
}

/** Names a key without telling anything of it: it is random, and this is too short to be found again. */
function kidOf(secret: Secret): string {
  return fingerprintOf([secret]).slice(0, 8);
}

function flattened(text: string): { readonly value: FlattenedJWE; readonly kid: string } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { ciphertext, iv, tag, protected: header } = value as Readonly<Record<string, unknown>>;
    if (typeof ciphertext !== "string" || typeof iv !== "string") return undefined;
    if (typeof tag !== "string" || typeof header !== "string") return undefined;
    const { kid }: { kid?: unknown } = JSON.parse(Buffer.from(header, "base64url").toString("utf8"));
    if (typeof kid !== "string") return undefined;
    return { value: { ciphertext, iv, tag, protected: header }, kid };
  } catch {
    return undefined;
  }
}

import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { fingerprintOf, type Secret } from "../lib/secret.js";
import { withinTime } from "../lib/wait.js";
import { decryptJwe, encryptJwe, type Jwe, parseJwe } from "./jwe.js";
import { longestValue } from "./store.js";
import { encryptionFormat } from "./stored-value.js";

/** Reads the keys: 32 bytes each, in base64url. The first one encrypts, all of them decrypt. */
export type EncryptionKeys = () => Promise<readonly Secret[]>;

/** How long keys are used before they are read again, in milliseconds. For an unknown key id, they are read earlier. */
const keysKnownFor = 60_000;
/** Milliseconds between two reads for unknown key ids. Reading the keys may run a command. */
const searchPause = 5_000;
/** How many key ids are remembered as missing, until the keys are read again for another reason. */
const maxMissing = 100;
/** How long reading the keys may take, in milliseconds. */
const readingLimit = 10_000;

const kidLength = 8;

interface KeyRing {
  readonly keys: ReadonlyMap<string, Uint8Array>;
  /** Id of the key that encrypts. */
  readonly kid: string;
  readonly readAt: number;
}

/**
 * Encrypts and decrypts values as flattened JWE (RFC 7516 §7.2.2) with `dir` and A256GCM. The key of the entry is
 * additional authenticated data, so that a value that was moved to another entry cannot be decrypted.
 */
export class Encryption {
  readonly #read: EncryptionKeys;
  readonly #clock: Clock;
  #ring: Promise<KeyRing> | undefined;
  readonly #missing = new Set<string>();
  #searchedAt = Number.NEGATIVE_INFINITY;

  constructor(read: EncryptionKeys, clock: Clock = systemClock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Checks that the keys can be read. Rejects with the codes of the function that reads them. */
  async assertKeys(): Promise<void> {
    await this.#keys();
  }

  /** Encrypts the text of an entry. Rejects with the codes of the function that reads the keys. */
  async encrypt(entry: string, text: string): Promise<string> {
    const { keys, kid } = await this.#keys();
    const key = keys.get(kid);
    if (key === undefined) throw new TypeError("The key ring does not contain the key that encrypts.");
    return encryptJwe(text, key, { entry, header: { kid, v: encryptionFormat } });
  }

  /**
   * Decrypts the text of an entry. Resolves with `undefined` if that fails: the value is damaged, belongs to another
   * entry, has another format, or was encrypted with an unknown key.
   */
  async decrypt(entry: string, encrypted: string): Promise<string | undefined> {
    const jwe = encrypted.length > longestValue ? undefined : parseJwe(encrypted);
    if (jwe === undefined) return undefined;
    const kid = keyIdOf(jwe);
    if (kid === undefined) return undefined;
    const key = (await this.#keys()).keys.get(kid) ?? (await this.#lookUp(kid));
    return key && decryptJwe(jwe, key, entry);
  }

  /** Reads the keys again to find one with an unknown id, unless that was done a moment ago or for this id before. */
  async #lookUp(kid: string): Promise<Uint8Array | undefined> {
    const age = this.#clock.now() - this.#searchedAt;
    // A negative age means that the clock was set back. The pause must not become longer then.
    const isTooSoon = age >= 0 && age < searchPause;
    if (!isTooSoon && !this.#missing.has(kid)) {
      this.#searchedAt = this.#clock.now();
      const found = (await this.#keys(true)).keys.get(kid);
      if (found !== undefined) return found;
      this.#missing.add(kid);
      const [oldest] = this.#missing;
      if (this.#missing.size > maxMissing && oldest !== undefined) this.#missing.delete(oldest);
    }
    // Another call may be reading the keys at the moment, to find another id.
    return (await this.#keys()).keys.get(kid);
  }

  /** Returns the keys. Reads them if they are not known or too old, or `again` in any case. */
  async #keys(again = false): Promise<KeyRing> {
    const latest = this.#ring;
    // The call that read them gets the error.
    const known = await latest?.catch(() => undefined);
    // Another call has begun to read them in the meantime.
    if (this.#ring !== latest) return await this.#keys();
    const age = known === undefined ? Number.NaN : this.#clock.now() - known.readAt;
    if (known !== undefined && !again && age >= 0 && age < keysKnownFor) return known;
    if (!again) this.#missing.clear();
    // Calls in the meantime wait for the same keys.
    const ring = this.#load(known);
    this.#ring = ring;
    return await ring;
  }

  /** Reads the keys. If that fails, keeps the `known` ones in use. */
  async #load(known: KeyRing | undefined): Promise<KeyRing> {
    const readAt = this.#clock.now();
    let secrets: readonly Secret[];
    try {
      secrets = await this.#readInTime();
    } catch (error) {
      if (known === undefined || isProgrammingError(error)) throw error;
      return { ...known, readAt };
    }
    const keys = new Map(
      secrets.map((secret) => [kidOf(secret), Buffer.from(secret.reveal(), "base64url")] as const),
    );
    const [kid] = keys.keys();
    if (kid === undefined) throw new TypeError("There must be at least one key.");
    return { keys, kid, readAt };
  }

  /** Reads the keys within a time limit, because their source may not answer. */
  async #readInTime(): Promise<readonly Secret[]> {
    // In `then`, so that a function that throws is handled like one that rejects.
    const reading = Promise.resolve().then(this.#read);
    const late = (): McpAuthError =>
      new McpAuthError(
        "secret_unavailable",
        `The store of the config: its encryption key could not be read within ${readingLimit / 1_000} s. Check where the ` +
          "config reads it from.",
        { retryable: true },
      );
    return await withinTime(reading, readingLimit, late, { clock: this.#clock });
  }
}

/** Returns an id for a key. It reveals nothing: the key is random, and the id is too short to find it. */
function kidOf(secret: Secret): string {
  return fingerprintOf([secret]).slice(0, kidLength);
}

/** Returns the key id of a value in our format. An id of another length is not ours, and must not be remembered. */
function keyIdOf({ header: { kid, v } }: Jwe): string | undefined {
  return v === encryptionFormat && typeof kid === "string" && kid.length === kidLength ? kid : undefined;
}

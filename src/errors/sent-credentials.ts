// Remembers the credentials that this process has sent, as keyed hashes, because servers quote what they reject. The
// hashes are enough to find a credential in the text of a server, and useless to an attacker.

/**
 * Credentials are hashed in blocks of this many characters. Every piece of a credential that is at least twice as long
 * contains a whole block.
 */
export const blockLength = 16;
/** Replaces a credential. */
export const placeholder = "<secret>";
/** In characters. A shorter credential is not remembered, because it would be found in any text. */
const shortestCredential = 4;
/**
 * How many hashes are kept: those of about fifty signed tokens, in 100 kB. The oldest are forgotten first. Sending a
 * credential again makes its hashes the newest.
 */
const maxSent = 3_000;
const maxShortLived = 1_000;
/** A number can hold this many bytes exactly, and takes less memory than a string. */
const hashBytes = 6;
/** How many characters of a credential are remembered. */
const longestCredential = 16_384;

// The sets belong to the process and not to a runtime, because lookups are shared and a server may quote the credential
// of another request. A `Set` iterates in order of insertion, so the oldest hash comes first.
const sent = new Set<number>();
/** Separate, so that a server that issues many tokens cannot make us forget the other credentials. */
const shortLived = new Set<number>();
/** The lengths of the blocks that were hashed. */
const lengths = new Set<number>();
let key: Uint8Array | undefined;
/** How often a hash of a short-lived secret was forgotten. */
let forgotten = 0;
/** For each token, the value of `forgotten` when it was remembered. */
const tokens = new WeakMap<object, number>();

/** Remembers a secret that is sent to a server. Call it for every secret that is not short-lived. */
export function rememberCredential(value: string): void {
  remember(value.slice(0, longestCredential), sent, maxSent);
}

/** Remembers a short-lived secret. Call it for every token from a server, and for proofs that are sent with it. */
export function rememberShortLived(value: string): void {
  remember(value.slice(0, longestCredential), shortLived, maxShortLived);
}

/**
 * Remembers an access token like `rememberShortLived`, at almost no cost if nothing was forgotten since the last call.
 *
 * @param token the object that has `value`, which never changes
 */
export function rememberToken(token: object, value: string): void {
  if (tokens.get(token) === forgotten) return;
  rememberShortLived(value);
  tokens.set(token, forgotten);
}

function remember(value: string, hashes: Set<number>, maxHashes: number): void {
  if (value.length < shortestCredential) return;
  const whole = hashOf(value);
  if (hashes.has(whole)) return;
  // The hash of the whole credential is added first, so that it is forgotten before those of its blocks. If it is still
  // there, so are all blocks.
  keep(whole, hashes);
  for (const encoded of encodingsOf(value)) {
    const length = Math.min(encoded.length, blockLength);
    lengths.add(length);
    for (let at = 0; at < encoded.length; at += length) {
      const start = Math.min(at, encoded.length - length);
      keep(hashOf(encoded.slice(start, start + length)), hashes);
    }
  }
  for (const oldest of hashes) {
    if (hashes.size <= maxHashes) return;
    hashes.delete(oldest);
    if (hashes === shortLived) forgotten += 1;
  }
}

/** Adds a hash, or moves it to the end. */
function keep(hash: number, hashes: Set<number>): void {
  hashes.delete(hash);
  hashes.add(hash);
}

/** Replaces every credential in a text, and every longer piece of one, with `<secret>`. */
export function withoutCredentials(text: string): string {
  const hidden = new Uint8Array(text.length);
  for (const length of lengths) {
    for (let at = 0; at + length <= text.length; at += 1) {
      const hash = hashOf(text.slice(at, at + length));
      if (!sent.has(hash) && !shortLived.has(hash)) continue;
      hidden.fill(1, at, at + length);
      // A piece can extend beyond its whole blocks by less than a block on both sides.
      if (length === blockLength) hideRestOfWord(text, hidden, at, at + length);
    }
  }
  let result = "";
  for (let at = 0; at < text.length; at += 1) {
    if (hidden[at] === 0) result += text[at];
    else if (at === 0 || hidden[at - 1] === 0) result += placeholder;
  }
  return result;
}

/**
 * Hides the characters around a block that can belong to the credential: the rest of the word or of the part of a URL.
 */
function hideRestOfWord(text: string, hidden: Uint8Array, from: number, to: number): void {
  const isWordCharacter = (at: number) => /^[\w.~+=%-]$/.test(text[at] ?? "");
  for (let at = from - 1; at >= 0 && isWordCharacter(at); at -= 1) hidden[at] = 1;
  for (let at = to; at < text.length && isWordCharacter(at); at += 1) hidden[at] = 1;
}

/** Returns a credential as it is sent, and as a server may write it into a URL, JSON or HTML. */
function encodingsOf(value: string): ReadonlySet<string> {
  const formEncoded = new URLSearchParams([["", value]]).toString().slice("=".length);
  const escaped = formEncoded.replaceAll("+", "%20");
  // `encodeURIComponent` escapes fewer characters than a form does. It is not called, because it throws for an unpaired
  // surrogate.
  const percent = [escaped, escaped.replaceAll(/%(?:21|27|28|29|7E)/g, decodeURIComponent)];
  const lowerCase = percent.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  const json = JSON.stringify(value).slice(1, -1);
  const html = htmlEscapes.map((entities) =>
    [...value].map((character) => entities[character] ?? character).join(""),
  );
  return new Set([value, formEncoded, ...percent, ...lowerCase, json, ...html]);
}

const markup = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
/** How template engines escape characters: those of most languages, then those of Go, Python and Mustache. */
const htmlEscapes: readonly Readonly<Record<string, string>>[] = [
  { ...markup, '"': "&quot;", "'": "&#39;" },
  { ...markup, '"': "&#34;", "'": "&#39;", "+": "&#43;" },
  { ...markup, '"': "&quot;", "'": "&#x27;" },
  { ...markup, '"': "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" },
];

function hashOf(text: string): number {
  // Loaded on use, because loading it takes longer than loading all our own code that a start needs.
  const { createHmac, randomBytes } = process.getBuiltinModule("node:crypto");
  key ??= randomBytes(32);
  return createHmac("sha256", key).update(text).digest().readUIntBE(0, hashBytes);
}

/** Forgets everything, for tests. */
export function forgetCredentials(): void {
  sent.clear();
  shortLived.clear();
  forgotten += 1;
  lengths.clear();
}

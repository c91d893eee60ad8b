// Remembers the credentials that this process has sent, as keyed hashes. Servers quote what they reject. The hashes are
// enough to find a credential in the text of a server, and useless to anybody else.

/** Characters of a block. Every piece of a credential that is at least twice as long contains a whole block. */
export const blockLength = 16;
/** Replaces a credential. */
export const placeholder = "<secret>";
/** Characters. A shorter credential would be found in any text. */
const shortest = 4;
/**
 * The most hashes: about fifty signed tokens, in 100 kB. The oldest are forgotten first; sending a credential renews
 * it.
 */
const mostSent = 3_000;
const mostShortLived = 1_000;
/** As many as a number can hold exactly. A number takes less memory than a string. */
const hashBytes = 6;
/** The most characters of a credential that are remembered. */
const longest = 16_384;

// A `Set` iterates in order of insertion. It belongs to the process and not to a runtime, because lookups are shared
// and a server may quote the credential of another request.
const sent = new Set<number>();
/** Separate, so that a server that issues many tokens cannot make us forget the other credentials. */
const shortLived = new Set<number>();
const lengths = new Set<number>();
let key: Uint8Array | undefined;

/** Remembers a secret that is sent to a server. Call it for every secret that is not short-lived. */
export function rememberCredential(value: string): void {
  remember(value.slice(0, longest), sent, mostSent);
}

/** Remembers a short-lived secret. Call it for every token from a server, and for proofs that are sent with it. */
export function rememberShortLived(value: string): void {
  remember(value.slice(0, longest), shortLived, mostShortLived);
}

function remember(value: string, known: Set<number>, most: number): void {
  if (value.length < shortest) return;
  const whole = hashOf(value);
  if (known.has(whole)) return;
  // Added first, so that it is forgotten before its blocks. Sending it again then remembers all of them.
  keep(whole, known);
  for (const form of formsOf(value)) {
    const length = Math.min(form.length, blockLength);
    lengths.add(length);
    for (let at = 0; at < form.length; at += length) {
      const start = Math.min(at, form.length - length);
      keep(hashOf(form.slice(start, start + length)), known);
    }
  }
  for (const oldest of known) {
    if (known.size <= most) return;
    known.delete(oldest);
  }
}

/** Adds a hash, or moves it to the end. */
function keep(hash: number, known: Set<number>): void {
  known.delete(hash);
  known.add(hash);
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
      if (length === blockLength) widen(text, hidden, at, at + length);
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
 * Also hides the characters around a block that can belong to the credential, up to the end of the word or URL part.
 */
function widen(text: string, hidden: Uint8Array, from: number, to: number): void {
  const isOfWord = (at: number) => /^[\w.~+=%-]$/.test(text[at] ?? "");
  for (let at = from - 1; at >= 0 && isOfWord(at); at -= 1) hidden[at] = 1;
  for (let at = to; at < text.length && isOfWord(at); at += 1) hidden[at] = 1;
}

/** Returns a credential as it is sent, and as a server may write it into a URL, JSON or a page. */
function formsOf(value: string): ReadonlySet<string> {
  const form = new URLSearchParams([["", value]]).toString().slice("=".length);
  const escaped = form.replaceAll("+", "%20");
  // `encodeURIComponent` escapes fewer characters than a form does. It is not called, because it throws for half a
  // character.
  const percent = [escaped, escaped.replaceAll(/%(?:21|27|28|29|7E)/g, decodeURIComponent)];
  const lowerCase = percent.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  const json = JSON.stringify(value).slice(1, -1);
  const html = pages.map((entities) =>
    [...value].map((character) => entities[character] ?? character).join(""),
  );
  return new Set([value, form, ...percent, ...lowerCase, json, ...html]);
}

/** How template engines escape characters: those of most languages, then of Go, Python and Mustache. */
const markup = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const pages: readonly Readonly<Record<string, string>>[] = [
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
  lengths.clear();
}

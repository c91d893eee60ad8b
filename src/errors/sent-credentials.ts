// What this process proved itself with, as keyed hashes: enough to find it again in what a server says, and of no use
// to anybody else. Servers quote what they refuse.

/** A piece of a credential that is at least twice as long has one of these blocks whole in it. */
export const blockLength = 16;
/** What is left of a credential. */
export const placeholder = "<secret>";
/** Anything shorter is in every other text, and tells nothing. */
const shortest = 4;
/** About fifty signed tokens, in 100 kB. Those remembered first make room; one that is used is remembered anew. */
const mostSent = 3_000;
const mostShortLived = 1_000;
/** As many as a number holds exactly, and a number takes less memory than a text. */
const hashBytes = 6;
/** Characters of one credential. What is behind them is not looked for. */
const longest = 16_384;

// A `Set` iterates in order of insertion. Of the process and not of a runtime: lookups are shared, and a server may quote
// what another request has brought it.
const sent = new Set<number>();
/** Apart from the others, which no server can have us forget by how many tokens it issues. */
const shortLived = new Set<number>();
const lengths = new Set<number>();
let key: Uint8Array | undefined;

/** To be called with everything secret that goes to a server, unless it is short-lived. */
export function rememberCredential(value: string): void {
  remember(value.slice(0, longest), sent, mostSent);
}

/** To be called with every token that comes from a server, and with what is sent along with it. */
export function rememberShortLived(value: string): void {
  remember(value.slice(0, longest), shortLived, mostShortLived);
}

function remember(value: string, known: Set<number>, most: number): void {
  if (value.length < shortest) return;
  const whole = hashOf(value);
  if (known.has(whole)) return;
  // First, so that it is forgotten before its blocks are, which are then remembered anew.
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

/** As the latest, also where it is known. */
function keep(hash: number, known: Set<number>): void {
  known.delete(hash);
  known.add(hash);
}

/** The text with `<secret>` in place of every credential in it, and of every longer piece of one. */
export function withoutCredentials(text: string): string {
  const hidden = new Uint8Array(text.length);
  for (const length of lengths) {
    for (let at = 0; at + length <= text.length; at += 1) {
      const hash = hashOf(text.slice(at, at + length));
      if (!sent.has(hash) && !shortLived.has(hash)) continue;
      hidden.fill(1, at, at + length);
      // What is left of a piece at both ends is shorter than a block, and belongs to it.
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

/** Covers the characters around a block that a credential can have, but none that end a word or a part of a URL. */
function widen(text: string, hidden: Uint8Array, from: number, to: number): void {
  const isOfWord = (at: number) => /^[\w.~+=%-]$/.test(text[at] ?? "");
  for (let at = from - 1; at >= 0 && isOfWord(at); at -= 1) hidden[at] = 1;
  for (let at = to; at < text.length && isOfWord(at); at += 1) hidden[at] = 1;
}

/** As it goes over the wire, and as a server may write it into a URL, into JSON or into a page. */
function formsOf(value: string): ReadonlySet<string> {
  const form = new URLSearchParams([["", value]]).toString().slice("=".length);
  const escaped = form.replaceAll("+", "%20");
  // `encodeURIComponent` leaves more as it is than a form does, and throws where half a character is.
  const percent = [escaped, escaped.replaceAll(/%(?:21|27|28|29|7E)/g, decodeURIComponent)];
  const lowerCase = percent.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()));
  const json = JSON.stringify(value).slice(1, -1);
  const html = pages.map((entities) =>
    [...value].map((character) => entities[character] ?? character).join(""),
  );
  return new Set([value, form, ...percent, ...lowerCase, json, ...html]);
}

/** As the template engines of most languages write characters into a page, then those of Go, Python and Mustache. */
const markup = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const pages: readonly Readonly<Record<string, string>>[] = [
  { ...markup, '"': "&quot;", "'": "&#39;" },
  { ...markup, '"': "&#34;", "'": "&#39;", "+": "&#43;" },
  { ...markup, '"': "&quot;", "'": "&#x27;" },
  { ...markup, '"': "&quot;", "'": "&#39;", "/": "&#x2F;", "`": "&#x60;", "=": "&#x3D;" },
];

function hashOf(text: string): number {
  // Imported where it is used: to load it takes longer than to load all of ours that a start needs.
  const { createHmac, randomBytes } = process.getBuiltinModule("node:crypto");
  key ??= randomBytes(32);
  return createHmac("sha256", key).update(text).digest().readUIntBE(0, hashBytes);
}

/** For tests, of which each begins with nothing remembered. */
export function forgetCredentials(): void {
  sent.clear();
  shortLived.clear();
  lengths.clear();
}

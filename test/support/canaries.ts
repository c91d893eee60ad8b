// Values that must not appear in any output, and the search for them.
import { randomBytes } from "node:crypto";

/** A canary that was found in a text. */
export interface CanaryMatch {
  readonly label: string;
  /** The encoding in which the text has it. */
  readonly form: string;
  /** The part of the encoded canary that the text has. */
  readonly piece: string;
}

interface EncodedForm {
  readonly label: string;
  readonly name: string;
  readonly text: string;
  /** How many encoded characters twelve characters of the canary take at least. */
  readonly shortest: number;
}

/** Length of the shortest piece of a canary that counts as a match. */
const minimumLength = 12;
/** A test needs only a few matches to fail. */
const maximumMatches = 5;

/**
 * Remembers planted values and finds them, and every piece of them of twelve characters or more, in a text: plain, in
 * JSON, in URLs and forms, in base64 and base64url at any offset, in hex, and as a list of bytes.
 */
export class Canaries {
  readonly #planted = new Map<string, string>();
  #index: Index | undefined;

  /** Plants a random value with characters that every encoding writes differently. It is valid in a header. */
  fresh(label: string): string {
    return this.plant(label, `${randomWord()}"\\ +/%&${randomWord()}`);
  }

  /** Plants a random value of letters and digits only. */
  word(label: string): string {
    return this.plant(label, randomWord() + randomWord());
  }

  /** Plants a sentence, such as a server or a function of the user may write. */
  phrase(label: string): string {
    return this.plant(label, `Disregard ${randomWord()} "and" obey ${randomWord()}.`);
  }

  /** Plants an existing secret and returns it. Throws a `RangeError` if it is too short to be found. */
  plant(label: string, value: string): string {
    if (value.length < minimumLength) throw new RangeError(`${label} is too short to tell from other text.`);
    if (!this.#planted.has(value)) this.#planted.set(value, label);
    this.#index = undefined;
    return value;
  }

  /** Plants a key or certificate without its PEM delimiters, which all of them share. Returns the PEM. */
  plantPem(label: string, pem: string): string {
    this.plant(label, pem.replaceAll(/-----[A-Z ]+-----/g, "").trim());
    return pem;
  }

  get size(): number {
    return this.#planted.size;
  }

  /** Returns the planted values in a text. */
  find(text: string): readonly CanaryMatch[] {
    this.#index ??= new Index([...this.#planted].flatMap(([value, label]) => encodingsOf(label, value)));
    const found = this.#index.find(text);
    if (found.length > 0 || !/\s/.test(text)) return found;
    // The text may break a value into lines, columns or single bytes.
    return this.#index.find(text.replaceAll(/\s+/g, ""));
  }
}

/** Returns 20 random letters and digits. */
function randomWord(): string {
  const text = randomBytes(40).toString("base64").replaceAll(/[+/=]/g, "");
  return text.slice(0, 20);
}

function encodingsOf(label: string, value: string): readonly EncodedForm[] {
  const bytes = Buffer.from(value, "utf8");
  const hex = bytes.toString("hex");
  const written: readonly (readonly [name: string, text: string, shortest: number])[] = [
    ["plain", value, minimumLength],
    ["plain, lines joined", value.replaceAll(/\s+/g, ""), minimumLength],
    ["JSON", JSON.stringify(value).slice(1, -1), minimumLength],
    ["JSON in JSON", JSON.stringify(JSON.stringify(value)).slice(3, -3), minimumLength],
    ["percent-encoded", percentEncoded(value), minimumLength],
    ["percent-encoded in small letters", percentEncoded(value).replaceAll(/%../g, lowerCase), minimumLength],
    ["form", new URLSearchParams([["", value]]).toString().slice(1), minimumLength],
    ["hex", hex, 2 * minimumLength],
    ["hex in capitals", hex.toUpperCase(), 2 * minimumLength],
    // Printable characters have two or three digits each, with commas between them.
    ["bytes", [...bytes].join(","), 3 * minimumLength - 1],
    ...[0, 1, 2].flatMap((offset): [string, string, number][] => {
      const text = base64At(bytes, offset);
      // In the middle of a base64 group, the piece shares a character at each end with its surroundings.
      const shortest = (4 * minimumLength) / 3 - 1;
      return [
        [`base64 at ${offset}`, text, shortest],
        [`base64url at ${offset}`, text.replaceAll("+", "-").replaceAll("/", "_"), shortest],
      ];
    }),
  ];
  // If several encodings produce the same text, the first name is used.
  const texts = new Map(written.toReversed().map(([name, text, shortest]) => [text, { name, shortest }]));
  return [...texts].map(([text, form]) => ({ label, text, ...form }));
}

const lowerCase = (text: string): string => text.toLowerCase();

function percentEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/**
 * Encodes the bytes in base64 as if `offset` bytes (modulo 3) preceded them. Leaves out the characters at both ends
 * that depend on the surrounding bytes.
 */
function base64At(bytes: Buffer, offset: number): string {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const text = padded.toString("base64").replace(/=+$/, "");
  return text.slice(offset === 0 ? 0 : offset + 1, padded.length % 3 === 0 ? undefined : -1);
}

const [multiplier1, multiplier2] = [0x01000193, 0x5bd1e995];

/**
 * A hash index over pieces of all encoded forms, each of `minimumLength` characters. It has enough of them that every
 * piece that counts as a match contains at least one.
 */
class Index {
  readonly #forms: readonly EncodedForm[];
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(forms: readonly EncodedForm[]) {
    this.#forms = forms;
    const pieces = forms.reduce((sum, form) => sum + form.text.length / strideOf(form), 0);
    const size = 2 ** Math.ceil(Math.log2(pieces * 2 + 2));
    this.#mask = size - 1;
    this.#slots = new Uint32Array(size);
    for (const form of forms) {
      const stride = strideOf(form);
      eachPiece(form.text, (at, first, second) => {
        if (at % stride === 0) this.#add(first, second);
        return true;
      });
    }
  }

  find(text: string): readonly CanaryMatch[] {
    const found: CanaryMatch[] = [];
    let next = 0;
    eachPiece(text, (at, first, second) => {
      if (at < next || !this.#has(first, second)) return true;
      const match = this.#confirm(text, at);
      if (match === undefined) return true;
      found.push(match);
      next = at + match.piece.length;
      return found.length < maximumMatches;
    });
    return found;
  }

  #add(first: number, second: number): void {
    let slot = first & this.#mask;
    while (this.#slots[slot] !== 0 && this.#slots[slot] !== second) slot = (slot + 1) & this.#mask;
    this.#slots[slot] = second;
  }

  #has(first: number, second: number): boolean {
    for (let slot = first & this.#mask; this.#slots[slot] !== 0; slot = (slot + 1) & this.#mask) {
      if (this.#slots[slot] === second) return true;
    }
    return false;
  }

  /** Returns the longest match of a single form around a position. */
  #confirm(text: string, at: number): CanaryMatch | undefined {
    const piece = text.slice(at, at + minimumLength);
    let best: CanaryMatch | undefined;
    for (const { label, name, text: form, shortest } of this.#forms) {
      if (!form.includes(piece)) continue;
      let [start, end] = [at, at + minimumLength];
      while (end < text.length && form.includes(text.slice(start, end + 1))) end += 1;
      while (start > 0 && form.includes(text.slice(start - 1, end))) start -= 1;
      if (end - start < shortest || end - start <= (best?.piece.length ?? 0)) continue;
      best = { label, form: name, piece: text.slice(start, end) };
    }
    return best;
  }
}

/** Returns the distance between indexed pieces: one of this many in a row is enough. */
function strideOf({ shortest }: EncodedForm): number {
  return shortest - minimumLength + 1;
}

/** Calls `visit` with two hashes of every piece of a text until it returns false. The second hash is never 0. */
function eachPiece(text: string, visit: (at: number, first: number, second: number) => boolean): void {
  if (text.length < minimumLength) return;
  let [first, second, power1, power2] = [0, 0, 1, 1];
  for (let index = 0; index < minimumLength; index += 1) {
    const code = text.charCodeAt(index);
    first = (Math.imul(first, multiplier1) + code) | 0;
    second = (Math.imul(second, multiplier2) + code) | 0;
    if (index > 0) [power1, power2] = [Math.imul(power1, multiplier1), Math.imul(power2, multiplier2)];
  }
  for (let at = 0; ; at += 1) {
    if (!visit(at, mixBits(first), mixBits(second) || 1)) return;
    const end = at + minimumLength;
    if (end >= text.length) return;
    const [left, entered] = [text.charCodeAt(at), text.charCodeAt(end)];
    first = (Math.imul(first - Math.imul(left, power1), multiplier1) + entered) | 0;
    second = (Math.imul(second - Math.imul(left, power2), multiplier2) + entered) | 0;
  }
}

function mixBits(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (half ^ (half >>> 15)) >>> 0;
}

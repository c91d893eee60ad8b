// Values that must show nowhere, and the search for them in everything that came out.
import { randomBytes } from "node:crypto";

/** Where a canary was found. */
export interface Find {
  readonly label: string;
  /** How it was written there. */
  readonly form: string;
  /** As much of it as there was. */
  readonly piece: string;
}

interface Form {
  readonly label: string;
  readonly name: string;
  readonly text: string;
  /** How many characters of it twelve of the canary are at least. */
  readonly shortest: number;
}

/** The shortest piece of a canary that counts. */
const window = 12;
/** One leak is enough to know of. */
const mostFinds = 5;

/**
 * Knows what was planted, and finds it, and every piece of it of twelve characters or more: plain, in JSON, in URLs and
 * forms, in base64 and base64url wherever it stands in what was encoded, in hex, and as a list of bytes.
 */
export class Canaries {
  readonly #planted = new Map<string, string>();
  #index: Index | undefined;

  /** A new one: random, with characters that every encoding writes in a way of its own. A header can hold it. */
  fresh(label: string): string {
    return this.plant(label, `${run()}"\\ +/%&${run()}`);
  }

  /** A new one for what takes no special characters. */
  word(label: string): string {
    return this.plant(label, run() + run());
  }

  /** Prose, as a server or somebody's function would say it. */
  phrase(label: string): string {
    return this.plant(label, `Disregard ${run()} "and" obey ${run()}.`);
  }

  /** Something that is a secret already; gives it back. What is shorter than a piece is none. */
  plant(label: string, value: string): string {
    if (value.length < window) throw new RangeError(`${label} is too short to be told from other text.`);
    if (!this.#planted.has(value)) this.#planted.set(value, label);
    this.#index = undefined;
    return value;
  }

  /** The same for keys and certificates: what is around one is around all of them. */
  plantPem(label: string, pem: string): string {
    this.plant(label, pem.replaceAll(/-----[A-Z ]+-----/g, "").trim());
    return pem;
  }

  get size(): number {
    return this.#planted.size;
  }

  /** What of all that is in a text. */
  find(text: string): readonly Find[] {
    this.#index ??= new Index([...this.#planted].flatMap(([value, label]) => formsOf(label, value)));
    const found = this.#index.find(text);
    if (found.length > 0 || !/\s/.test(text)) return found;
    // Broken into lines, in columns, or byte by byte.
    return this.#index.find(text.replaceAll(/\s+/g, ""));
  }
}

/** 20 letters and digits. */
function run(): string {
  const text = randomBytes(40).toString("base64").replaceAll(/[+/=]/g, "");
  return text.slice(0, 20);
}

function formsOf(label: string, value: string): readonly Form[] {
  const bytes = Buffer.from(value, "utf8");
  const hex = bytes.toString("hex");
  const written: readonly (readonly [name: string, text: string, shortest: number])[] = [
    ["plain", value, window],
    ["plain, lines joined", value.replaceAll(/\s+/g, ""), window],
    ["JSON", JSON.stringify(value).slice(1, -1), window],
    ["JSON in JSON", JSON.stringify(JSON.stringify(value)).slice(3, -3), window],
    ["percent-encoded", percentEncoded(value), window],
    ["percent-encoded in small letters", percentEncoded(value).replaceAll(/%../g, lowerCase), window],
    ["form", new URLSearchParams([["", value]]).toString().slice(1), window],
    ["hex", hex, 2 * window],
    ["hex in capitals", hex.toUpperCase(), 2 * window],
    // Of printable characters two digits each, and the commas between them.
    ["bytes", [...bytes].join(","), 3 * window - 1],
    ...[0, 1, 2].flatMap((offset): [string, string, number][] => {
      const text = base64At(bytes, offset);
      // In the middle of a group it shares a character at each end with what is around it.
      const shortest = (4 * window) / 3 - 1;
      return [
        [`base64 at ${offset}`, text, shortest],
        [`base64url at ${offset}`, text.replaceAll("+", "-").replaceAll("/", "_"), shortest],
      ];
    }),
  ];
  // By the first name, where several ways to write it are the same.
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
 * What base64 makes of the bytes when `offset` others, modulo 3, come before them. The characters at the ends that depend
 * on what is around are left out.
 */
function base64At(bytes: Buffer, offset: number): string {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const text = padded.toString("base64").replace(/=+$/, "");
  return text.slice(offset === 0 ? 0 : offset + 1, padded.length % 3 === 0 ? undefined : -1);
}

const [base1, base2] = [0x01000193, 0x5bd1e995];

/**
 * Pieces of `window` characters of all forms, by their hashes: so many that any piece of a form that counts has one of
 * them in it.
 */
class Index {
  readonly #forms: readonly Form[];
  readonly #slots: Uint32Array;
  readonly #mask: number;

  constructor(forms: readonly Form[]) {
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

  find(text: string): readonly Find[] {
    const found: Find[] = [];
    let next = 0;
    eachPiece(text, (at, first, second) => {
      if (at < next || !this.#has(first, second)) return true;
      const find = this.#confirm(text, at);
      if (find === undefined) return true;
      found.push(find);
      next = at + find.piece.length;
      return found.length < mostFinds;
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

  /** The longest piece of one form that is there. */
  #confirm(text: string, at: number): Find | undefined {
    const piece = text.slice(at, at + window);
    let best: Find | undefined;
    for (const { label, name, text: form, shortest } of this.#forms) {
      if (!form.includes(piece)) continue;
      let [start, end] = [at, at + window];
      while (end < text.length && form.includes(text.slice(start, end + 1))) end += 1;
      while (start > 0 && form.includes(text.slice(start - 1, end))) start -= 1;
      if (end - start < shortest || end - start <= (best?.piece.length ?? 0)) continue;
      best = { label, form: name, piece: text.slice(start, end) };
    }
    return best;
  }
}

/** Of any so many pieces in a row one is enough. */
function strideOf({ shortest }: Form): number {
  return shortest - window + 1;
}

/** Two hashes of every piece of a text, until `visit` gives false. The second is never 0. */
function eachPiece(text: string, visit: (at: number, first: number, second: number) => boolean): void {
  if (text.length < window) return;
  let [first, second, power1, power2] = [0, 0, 1, 1];
  for (let index = 0; index < window; index += 1) {
    const code = text.charCodeAt(index);
    first = (Math.imul(first, base1) + code) | 0;
    second = (Math.imul(second, base2) + code) | 0;
    if (index > 0) [power1, power2] = [Math.imul(power1, base1), Math.imul(power2, base2)];
  }
  for (let at = 0; ; at += 1) {
    if (!visit(at, mixed(first), mixed(second) || 1)) return;
    const end = at + window;
    if (end >= text.length) return;
    const [left, entered] = [text.charCodeAt(at), text.charCodeAt(end)];
    first = (Math.imul(first - Math.imul(left, power1), base1) + entered) | 0;
    second = (Math.imul(second - Math.imul(left, power2), base2) + entered) | 0;
  }
}

function mixed(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (half ^ (half >>> 15)) >>> 0;
}

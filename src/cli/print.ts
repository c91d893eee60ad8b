import { printableLines } from "../lib/printable.js";
import { maskCommand } from "./mask.js";

/** Where text goes as it is. Only `run` has them: a command prints through a `Printer`. */
export interface Writers {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether stderr takes colors. */
  readonly color: boolean;
}

/**
 * The one way in which commands print. What a terminal or the runner of a CI job would act on is escaped, wherever it comes
 * from. Only line breaks are kept, so a text from elsewhere is made `printable` before it becomes a part of a longer one.
 */
export interface Printer {
  /** Lines of the result, on stdout. */
  result(text: string): void;
  /** The result as JSON; the escapes are those of JSON, so the value stays the same. */
  json(value: unknown, indent?: number): void;
  /** Lines beside the result, on stderr. */
  note(text: string): void;
  /** `label: message` on stderr, the label in red where that can be seen. */
  failure(label: string, message: string): void;
  /** Has the runner of GitHub Actions hide these secrets in its log, before anything is printed that holds them. */
  mask(secrets: readonly string[]): void;
}

export function createPrinter({ out, err, color }: Writers): Printer {
  return {
    result: (text) => out(lines(text)),
    json: (value, indent) => out(lines(JSON.stringify(value, null, indent))),
    note: (text) => err(lines(text)),
    failure: (label, message) => {
      const text = lines(`${label}: ${message}`);
      const { length } = printableLines(label);
      err(color ? `\u001b[31m${text.slice(0, length)}\u001b[39m${text.slice(length)}` : text);
    },
    // The only text that is printed as it is.
    mask: (secrets) => {
      for (const secret of new Set(secrets.flatMap(formsOf))) err(maskCommand(secret));
    },
  };
}

/** Whether a text is printed as it is, which a token must be to be of use. */
export function isPrintedAsIs(text: string): boolean {
  return printableLines(text) === text;
}

function lines(text: string): string {
  return `${printableLines(text).replace(/\n$/, "")}\n`;
}

/**
 * What a log may show of a secret: all of it, each of its lines, since a log is masked line by line, and these as JSON
 * has them.
 */
function formsOf(secret: string): readonly string[] {
  const parts = [secret, ...secret.split(/[\r\n]+/)].filter((part) => part.trim() !== "");
  return parts.flatMap((part) => [part, printableLines(JSON.stringify(part)).slice(1, -1)]);
}

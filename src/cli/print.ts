import { printableLines } from "../lib/printable.js";

/** Writes text unescaped. Only `run` has this: commands print through a `Printer`. */
export interface Writers {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Whether to print colors on stderr. */
  readonly color: boolean;
  /** Whether to print colors on stdout. */
  readonly outColor?: boolean;
}

/** How a check ended. */
export type Verdict = "pass" | "warn" | "fail" | "skip";

/**
 * The only way in which commands print. It escapes everything that a terminal or a CI runner would act on, except line
 * breaks: text from elsewhere must be made `printable` before it becomes part of a longer text.
 */
export interface Printer {
  /** Lines of the result, on stdout. */
  result(text: string): void;
  /** The result as JSON. The escapes are JSON escapes, so the value is unchanged. */
  json(value: unknown, indent?: number): void;
  /** Lines for the person, on stderr. */
  note(text: string): void;
  /** `label: message` on stderr, the label in red if colors are on. */
  failure(label: string, message: string): void;
  /** A line of the result that begins with a verdict, which is in color if colors are on. */
  verdict(verdict: Verdict, text: string): void;
  /** Makes the runner of GitHub Actions hide these secrets in its log. Must be called before a secret is printed. */
  mask(secrets: readonly string[]): void;
}

const colors = { pass: 32, warn: 33, fail: 31, skip: 90 } as const satisfies Record<Verdict, number>;

export function createPrinter({ out, err, color, outColor = false }: Writers): Printer {
  return {
    result: (text) => out(lines(text)),
    json: (value, indent) => out(lines(JSON.stringify(value, null, indent))),
    note: (text) => err(lines(text)),
    failure: (label, message) => {
      err(colored(lines(`${label}: ${message}`), color ? printableLines(label).length : 0, colors.fail));
    },
    verdict: (verdict, text) => {
      out(colored(lines(`${verdict}  ${text}`), outColor ? verdict.length : 0, colors[verdict]));
    },
    // The only text that is printed unescaped.
    mask: (secrets) => {
      for (const secret of new Set(secrets.flatMap(formsOf))) err(maskCommand(secret));
    },
  };
}

/** Puts the first characters of a text into a color. */
function colored(text: string, length: number, code: number): string {
  if (length === 0) return text;
  return `\u001b[${code}m${text.slice(0, length)}\u001b[39m${text.slice(length)}`;
}

/** Whether a text is printed unchanged. An escaped token would not work. */
export function isPrintedUnchanged(text: string): boolean {
  return printableLines(text) === text;
}

function lines(text: string): string {
  return `${printableLines(text).replace(/\n$/, "")}\n`;
}

/**
 * Returns the texts that a log may show of a secret: the secret, each of its lines, because the runner masks line by
 * line, and all of these escaped as in JSON.
 */
function formsOf(secret: string): readonly string[] {
  const parts = [secret, ...secret.split(/[\r\n]+/)].filter((part) => part.trim() !== "");
  return parts.flatMap((part) => [part, printableLines(JSON.stringify(part)).slice(1, -1)]);
}

/**
 * The command that makes the runner of GitHub Actions hide a value in its log, escaped as the runner's own toolkit
 * does.
 */
export function maskCommand(value: string): string {
  const escaped = value.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  return `::add-mask::${escaped}\n`;
}

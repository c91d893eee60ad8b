import { parseEnv } from "node:util";

/** The variables of a file, and its lines that Node does not read as they look. Shows nothing of the file. */
export interface EnvText {
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly mistakes: readonly EnvMistake[];
}

export interface EnvMistake {
  /** The first line is 1. */
  readonly line: number;
  /** A sentence whose subject is the line. */
  readonly problem: string;
}

const assignment = /^\s*(?:export\s+)?([\w.-]+)\s*=\s*(.*)$/;

/** Reads a file of variables as `node --env-file` does, without a byte order mark. */
export function parseEnvText(text: string): EnvText {
  const withoutMark = text.replace(/^\uFEFF/, "");
  const variables = parseEnv(withoutMark);
  const mistakes: EnvMistake[] = [];
  const lines = withoutMark.split(/\r\n|\n|\r/);
  for (let index = 0; index < lines.length; index += 1) {
    const text = lines[index] ?? "";
    const report = (problem: string) => mistakes.push({ line: index + 1, problem });
    if (/^\s*(#|$)/.test(text)) continue;
    const [, name = "", value = ""] = assignment.exec(text) ?? [];
    const quote = /^["'`]/.exec(value)?.[0];
    const end = quote === undefined ? index : endOfQuote(lines, index, quote);
    if (end === undefined) {
      report("has a quote that does not end, so its value is wrong or missing");
    } else if (!Object.hasOwn(variables, name)) {
      const isSwallowed = name !== "" && mistakes.some(({ line }) => line === index);
      report(
        isSwallowed
          ? "is not read, because Node takes it for a part of the line before it"
          : "is not NAME=value, so Node ignores it or reads the next line wrong",
      );
    } else if (quote === undefined && /\S#/.test(value) && variables[name] !== value.trim()) {
      report("has a # in its value, where Node ends the value. Put quotes around it");
    }
    index = end ?? index;
  }
  return { variables, mistakes };
}

/** Returns the line in which a quoted value ends. A value may have several lines. */
function endOfQuote(lines: readonly string[], start: number, quote: string): number | undefined {
  const [first = "", ...more] = lines.slice(start);
  if (first.slice(first.indexOf(quote) + 1).includes(quote)) return start;
  const found = more.findIndex((line) => line.includes(quote));
  return found === -1 ? undefined : start + 1 + found;
}

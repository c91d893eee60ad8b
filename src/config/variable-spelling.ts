// Shells and other tools write a variable as `$NAME`, `%NAME%` or `{env:NAME}`. A config has `${NAME}` in a value and
// `{ "env": "NAME" }` in place of a secret. Messages show the names that are found here. So that they show no part of a
// literal secret that begins with `$`, a bare `$NAME` counts only in upper case.
import type { Fix } from "./source-document.js";

const name = "[A-Za-z_][A-Za-z0-9_]*";
const upperCase = "[A-Z_][A-Z0-9_]+";

/** The spellings of other tools that can be a part of a text. */
const foreign = `(?<![$\\w])\\$(?:env:)?(?<shell>${upperCase})(?![\\w{])|%(?<windows>${name})%|\\{env:(?<braces>${name})\\}`;
const anyForeign = new RegExp(foreign, "g");
/** All spellings. */
const onlyVariable = new RegExp(
  `^(?:\\$\\{(?:env:)?(?<config>${name})(?::-[^}]*)?\\}|(?:process\\.)?env[:.](?<code>${name})|${foreign})$`,
);

type Groups = Readonly<Record<string, string | undefined>>;

function nameIn(groups: Groups | undefined): string | undefined {
  return Object.values(groups ?? {}).find((found) => found !== undefined);
}

/** Returns the variable that was meant if a text is only a variable, in any spelling. */
export function variableMeant(text: string): string | undefined {
  const groups = onlyVariable.exec(text)?.groups;
  return isVariable(groups, text) ? nameIn(groups) : undefined;
}

/** Whether it is no encoded character of a URL: `%CAFE%20` has none of these variables. */
function isVariable(groups: Groups | undefined, text: string): boolean {
  return groups?.["windows"] === undefined || /%(?![0-9A-Fa-f]{2})/.test(text);
}

interface ForeignVariable {
  readonly message: string;
  readonly hint: string;
  readonly fix: Fix;
}

/** Returns the mistake of a text with a variable in the spelling of another tool, which a config does not replace. */
export function foreignVariable(text: string): ForeignVariable | undefined {
  // Most texts have none of these characters.
  if (!/[$%{]/.test(text)) return undefined;
  const found = [...text.matchAll(anyForeign)].find(({ groups }) => isVariable(groups, text));
  if (found === undefined) return undefined;
  const write = (groups: Groups | undefined): string => `\${${nameIn(groups) ?? ""}}`;
  const corrected = text.replaceAll(anyForeign, (match: string, ...rest: unknown[]) => {
    // For an expression with named groups, the last argument is the groups.
    const groups = rest.at(-1) as Groups;
    return isVariable(groups, text) ? write(groups) : match;
  });
  return {
    message: `${JSON.stringify(found[0])} is not replaced by the value of a variable`,
    hint: `Write ${JSON.stringify(write(found.groups))}`,
    fix: { kind: "text", to: corrected },
  };
}

/**
 * Returns the mistake of a value that is only a variable in the spelling of another tool, where a value may also be
 * secret. The text may have these characters for another reason.
 */
export function foreignValue(text: string): Omit<ForeignVariable, "fix"> | undefined {
  const meant = text.startsWith("${") ? undefined : variableMeant(text);
  const mistake = meant === undefined ? undefined : foreignVariable(text);
  if (meant === undefined || mistake === undefined) return undefined;
  const reference = `{ "env": ${JSON.stringify(meant)} }`;
  return { message: mistake.message, hint: `Write ${reference}, or "\${${meant}}" if it is not secret` };
}

/** What to write in place of a text that is not the name of a variable. */
export interface NameHint {
  readonly hint?: string;
  readonly fix?: Fix;
}

/** Returns what to write if a text is the name of a variable with something around it. */
export function nameHint(text: string): NameHint {
  const trimmed = text.trim();
  const meant = new RegExp(`^${upperCase}$`).test(trimmed) ? trimmed : variableMeant(trimmed);
  if (meant !== undefined) {
    return { hint: `Write ${JSON.stringify(meant)}, the name alone`, fix: { kind: "text", to: meant } };
  }
  const isWrapped = trimmed !== text || /^[$%{]/.test(text);
  return isWrapped ? { hint: "Write the name alone, without spaces, $, % and braces" } : {};
}

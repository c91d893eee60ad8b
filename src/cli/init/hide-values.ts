import type { CommandIo } from "../io.js";
import type { Printer } from "../print.js";

/** Characters. A shorter value is hardly a secret, and would be found in other words. */
const shortestValue = 8;

/** A printer that shows `${NAME}` in place of the values of variables. */
export interface HidingPrinter {
  readonly print: Printer;
  /**
   * Hides what these variables have added to a URL, in its path and its parameters. Its origin stays: the person must
   * know who is asked.
   */
  hide(variables: readonly string[], url: string, env: CommandIo["env"]): void;
}

/**
 * Returns a printer for URLs of a host's file. Hosts have no references for secrets, so people put keys into URLs with
 * `${NAME}`.
 */
export function hidingPrinter(print: Printer): HidingPrinter {
  const names = new Map<string, string>();
  const hidden = (text: string): string => {
    // A value can be a part of another one.
    const values = [...names.keys()].toSorted((a, b) => b.length - a.length);
    return values.reduce((shown, value) => shown.replaceAll(value, () => `\${${names.get(value)}}`), text);
  };
  return {
    print: {
      ...print,
      note: (text) => print.note(hidden(text)),
      result: (text) => print.result(hidden(text)),
    },
    hide(variables, url, env) {
      for (const name of variables) {
        const parts = partsOf(env[name] ?? "", url).filter((part) => part.length >= shortestValue);
        for (const form of parts.flatMap(formsOf)) names.set(form, name);
      }
    },
  };
}

/** Returns the parts of a value that are not in the origin of the URL. */
function partsOf(value: string, url: string): readonly string[] {
  if (URL.canParse(value)) return [...new URL(value).searchParams.values()];
  return new URL(url).origin.includes(value) ? [] : [value];
}

/** A value as it is, and as it can be in a URL. */
function formsOf(value: string): readonly string[] {
  // An unpaired surrogate cannot be encoded.
  if (/\p{Surrogate}/u.test(value)) return [value];
  return [value, encodeURI(value), encodeURIComponent(value)];
}

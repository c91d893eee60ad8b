import { didYouMean } from "./near-names.js";
import { printable, someOf } from "./printable.js";

/**
 * Returns the function that the config names, from those passed in code as `option`. If there is none, returns the
 * problem, as the end of a sentence. Looks only at own members, because every object inherits functions such as
 * `constructor`.
 */
export function knownFunction<F extends (...args: never[]) => unknown>(
  given: Readonly<Record<string, F>> | undefined,
  name: string,
  option: string,
): { readonly fn: F; readonly problem?: never } | { readonly fn?: never; readonly problem: string } {
  const names = Object.keys(given ?? {});
  const fn = given !== undefined && Object.hasOwn(given, name) ? given[name] : undefined;
  if (typeof fn === "function") return { fn };
  const known = names.length === 0 ? "none was" : `only ${someOf(names)}`;
  const problem = `no function of this name was given as \`${option}\` (${known}).${didYouMean(name, names)}`;
  return { problem: printable(problem) };
}

import { shellQuoted } from "../../lib/shell-quoted.js";

/** The options of `init` that the person gave. */
export type GivenOptions = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/**
 * Returns a whole command line of `init`, to be typed.
 *
 * @param issuer the value of `--issuer`, as a word for a shell
 */
export function initCommand(url: string | undefined, given: GivenOptions, issuer: string): string {
  const words = Object.entries(given).flatMap(([name, value]) =>
    [value].flat().flatMap((each) => (typeof each === "string" ? [`--${name}`, shellQuoted(each)] : [])),
  );
  const urls = url === undefined ? [] : [shellQuoted(url)];
  return ["npx mcp-auth-runtime init", ...urls, ...words, "--issuer", issuer].join(" ");
}

import { quoted } from "../../lib/printable.js";

/** Returns settings as JSON. Properties that are `undefined` are left out. */
export function json(settings: unknown): string {
  return JSON.stringify(settings, null, 2);
}

/** Returns one entry for each endpoint, by its name. */
export function byName<Endpoint extends { readonly name: string }>(
  endpoints: readonly Endpoint[],
  entry: (endpoint: Endpoint) => unknown,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(endpoints.map((endpoint) => [endpoint.name, entry(endpoint)]));
}

/**
 * Returns a text in double quotes, as YAML and TOML both read it. JSON differs in one respect: it writes a character
 * beyond U+FFFF as two escapes, and to YAML and TOML each of them would be half a character.
 */
export function quotedScalar(text: string): string {
  return quoted(text).replaceAll(
    /\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})/g,
    (_match, high: string, low: string) => {
      const character = String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16));
      return `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`;
    },
  );
}

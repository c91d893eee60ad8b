const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** How the config writes a duration: `"500ms"`, `"30s"`, `"5m"`, `"1h"`. */
const durationPattern = /^(\d{1,9})(ms|s|m|h)$/;

/** Returns a duration of the config in milliseconds; `undefined` for text that the schema does not accept. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  // The pattern allows only these units.
  return Number(amount) * units[unit as keyof typeof units];
}

/** The longest lifetime of a token that is believed: ten years, in seconds. More is a mistake of the server. */
export const longestLifetime = 315_360_000;

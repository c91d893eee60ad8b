const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** The form of a duration in the config: `"500ms"`, `"30s"`, `"5m"`, `"1h"`. */
const durationPattern = /^(\d{1,9})(ms|s|m|h)$/;

/** Returns a duration of the config in milliseconds; `undefined` for text that the schema does not accept. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  // The pattern allows only these units.
  return Number(amount) * units[unit as keyof typeof units];
}

/** The longest token lifetime that is accepted from a server: ten years, in seconds. Anything longer is a mistake. */
export const longestLifetime = 315_360_000;

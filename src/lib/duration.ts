const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** The form of a duration in the config: `"500ms"`, `"30s"`, `"5m"`, `"1h"`. */
const durationPattern = /^(\d{1,9})(ms|s|m|h)$/;

/** Milliseconds of a duration that the schema has already accepted; `undefined` for anything else. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text);
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  // The pattern admits no other unit.
  return Number(amount) * units[unit as keyof typeof units];
}

import leven from "leven";

const mostNames = 3;
// A longer name is not a typo. The limit also keeps the quadratic comparison cheap.
const longestName = 100;

/** Returns the candidates that `name` is probably a typo of: at most three, the closest first. */
export function nearNames(name: string, candidates: Iterable<string>): readonly string[] {
  if (name.length > longestName) return [];
  const typed = normalized(name);
  const near: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of candidates) {
    if (candidate === name || candidate.length > longestName) continue;
    const length = Math.max(name.length, candidate.length);
    // A third of the letters may differ, but at most three, and always one.
    const allowed = Math.min(3, Math.max(1, Math.floor(length / 3)));
    const distance = distanceBetween(typed, normalized(candidate), allowed);
    if (distance <= allowed && distance < length) near.push({ candidate, distance });
  }
  const sorted = near
    .sort((a, b) => a.distance - b.distance || compare(a.candidate, b.candidate))
    .map(({ candidate }) => candidate);
  return [...new Set(sorted)].slice(0, mostNames);
}

/** Returns the question whether the closest candidate was meant, with a space before it, or an empty text. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const [near] = nearNames(name, candidates);
  return near === undefined ? "" : ` Did you mean "${near}"?`;
}

/**
 * Returns the edit distance, in which two swapped neighbors count as one change and not as two; for a distance over
 * `limit`, any number over it.
 */
function distanceBetween(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  const swapped = a.slice(0, at) + (a[at + 1] ?? "") + (a[at] ?? "") + a.slice(at + 2);
  return swapped === b && a !== b ? 1 : leven(a, b, { maxDistance: limit + 1 });
}

/** `private_key`, `private-key` and `privateKey` count as the same name. */
function normalized(name: string): string {
  const lower = name.toLowerCase();
  // A config with many mistakes compares millions of names.
  return /[-_.]/.test(lower) ? lower.replaceAll(/[-_.]/g, "") : lower;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

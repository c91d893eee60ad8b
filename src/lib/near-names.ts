import leven from "leven";

const most = 3;
// Longer names are nobody's typo; the bound keeps the quadratic comparison cheap.
const longestName = 100;

/** The candidates that `name` is most probably a typo of: at most three, best first. */
export function nearNames(name: string, candidates: Iterable<string>): readonly string[] {
  if (name.length > longestName) return [];
  const written = name.toLowerCase();
  const near: { readonly candidate: string; readonly distance: number }[] = [];
  for (const candidate of new Set(candidates)) {
    if (candidate === name || candidate.length > longestName) continue;
    const length = Math.max(name.length, candidate.length);
    // A third of the letters, but never so many that any two short names are near.
    const allowed = Math.min(3, Math.max(1, Math.floor(length / 3)));
    const distance = distanceBetween(plain(written), plain(candidate.toLowerCase()));
    if (distance <= allowed && distance < length) near.push({ candidate, distance });
  }
  return near
    .sort((a, b) => a.distance - b.distance || compare(a.candidate, b.candidate))
    .slice(0, most)
    .map(({ candidate }) => candidate);
}

/** As leven counts, but two neighbours that changed places are one slip of the fingers, not two. */
function distanceBetween(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at += 1;
  const swapped = a.slice(0, at) + (a[at + 1] ?? "") + (a[at] ?? "") + a.slice(at + 2);
  return swapped === b && a !== b ? 1 : leven(a, b);
}

// `private_key`, `private-key` and `privateKey` are one name to whoever mistyped it.
function plain(name: string): string {
  return name.replaceAll(/[-_.]/g, "");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

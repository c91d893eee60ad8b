/** Returns a store entry name in the package's format. Each digit gives another name. */
export function entryName(digit: string, kind: "token" | "refresh" = "token"): string {
  return `${kind}.${digit.repeat(32)}.${digit.repeat(32)}`;
}

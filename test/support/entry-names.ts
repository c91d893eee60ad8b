/** The name of an entry as the package makes it, another one for each digit. */
export function entryName(digit: string, kind: "token" | "refresh" = "token"): string {
  return `${kind}.${digit.repeat(32)}.${digit.repeat(32)}`;
}

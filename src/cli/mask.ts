/**
 * The line that has the runner of GitHub Actions hide a value in its log. It is undone there, so what has a meaning in
 * such a line is written as the runner's own toolkit writes it.
 */
export function maskCommand(value: string): string {
  const escaped = value.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");
  return `::add-mask::${escaped}\n`;
}

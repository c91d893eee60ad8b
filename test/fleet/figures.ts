import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../../node_modules/.cache/mcp-auth-fleet.json", import.meta.url));

/** Records a figure for `run.mjs`, which prints all of them. */
export function recordFigure(name: string, value: string | number): void {
  let figures: Record<string, string | number> = {};
  try {
    figures = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // This is the first figure.
  }
  mkdirSync(new URL(".", `file://${file}`), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...figures, [name]: value }, null, 2));
}

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = fileURLToPath(new URL("../../node_modules/.cache/mcp-auth-fleet.json", import.meta.url));

/** Keeps a figure for `run.mjs`, which prints them all. */
export function figure(name: string, value: string | number): void {
  let figures: Record<string, string | number> = {};
  try {
    figures = JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // The first one.
  }
  mkdirSync(new URL(".", `file://${file}`), { recursive: true });
  writeFileSync(file, JSON.stringify({ ...figures, [name]: value }, null, 2));
}

import Table from "cli-table3";
import { printable } from "../lib/printable.js";

/** Returns a table for `print.result`, its columns two spaces apart. The cells are escaped. */
export function table(rows: readonly (readonly string[])[]): string {
  const none = { left: "", right: "", mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const lines = new Table({
    chars: {
      ...none,
      ...{ top: "", "top-mid": "", "top-left": "", "top-right": "" },
      ...bottom,
      middle: "  ",
    },
    style: { "padding-left": 0, "padding-right": 0, head: [], border: [], compact: true },
  });
  for (const row of rows) lines.push(row.map(printable));
  return lines
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

const bottom = { bottom: "", "bottom-mid": "", "bottom-left": "", "bottom-right": "" };

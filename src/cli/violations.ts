import { relative } from "node:path";
import { formatViolation } from "../config/format-violation.js";
import type { McpAuthError, Violation } from "../errors/error.js";
import { counted } from "../lib/counted.js";
import { printable } from "../lib/printable.js";
import type { CommandIo } from "./io.js";

/** Returns a file as commands print it: relative to the working directory. */
export function shownFile(file: string, cwd: CommandIo["cwd"]): string {
  return printable(cwd === undefined ? file : relative(cwd, file) || file);
}

/** Returns a violation as one line that begins with its file, line and column. */
export function violationLine(violation: Violation, cwd: CommandIo["cwd"]): string {
  const { file } = violation;
  return formatViolation(file === undefined ? violation : { ...violation, file: shownFile(file, cwd) });
}

/** Returns what to print of an error about the config: each mistake on a line of its own. */
export function violationsText(
  { server, message, violations = [] }: McpAuthError,
  cwd: CommandIo["cwd"],
): string {
  if (violations.length === 0) return message;
  const subject = server === undefined ? "The config" : `Server "${server}" cannot be used: the config`;
  const lines = violations.map((violation) => `\n  ${violationLine(violation, cwd)}`);
  return `${subject} has ${counted(violations.length, "mistake")}:${lines.join("")}`;
}

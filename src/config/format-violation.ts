import { McpAuthError, type Violation } from "../errors/error.js";
import { printable } from "../lib/printable.js";

/** One line: `file:line:column pointer: message. Hint.` */
export function formatViolation(violation: Violation): string {
  const { file, line, column, pointer, message, hint } = violation;
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  const where = [place, pointer].filter((part) => part !== "").join(" ");
  const text = [where === "" ? "" : `${where}:`, sentence(message), sentence(hint ?? "")]
    .filter(Boolean)
    .join(" ");
  return printable(text);
}

function sentence(text: string): string {
  return text === "" || /[.?!]$/.test(text) ? text : `${text}.`;
}

/** `config_invalid` with every violation, in the message and as `violations`. */
export function configInvalid(violations: readonly Violation[], file?: string): McpAuthError {
  const count = violations.length === 1 ? "1 mistake" : `${violations.length} mistakes`;
  const lines = violations.map((violation) => `\n  ${formatViolation(violation)}`).join("");
  return new McpAuthError(
    "config_invalid",
    `The config${file === undefined ? "" : ` ${printable(file)}`} has ${count}:${lines}`,
    {
      violations,
    },
  );
}

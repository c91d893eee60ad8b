import { McpAuthError, type Violation } from "../errors/error.js";
import { counted } from "../lib/counted.js";
import { printable } from "../lib/printable.js";

/** Formats a violation as one line: `file:line:column pointer: message. Hint.` */
export function formatViolation(violation: Violation): string {
  const { file, line, column, pointer, message, hint } = violation;
  const position = [file, line, column].filter((part) => part !== undefined).join(":");
  const place = [position, pointer].filter((part) => part !== "").join(" ");
  const parts = [place === "" ? "" : `${place}:`, asSentence(message), asSentence(hint ?? "")];
  return printable(parts.filter((part) => part !== "").join(" "));
}

function asSentence(text: string): string {
  return text === "" || /[.?!]$/.test(text) ? text : `${text}.`;
}

/** `config_invalid` with all violations, in the message and as `violations`. `subject` starts the message. */
export function invalidConfig(subject: string, violations: readonly Violation[]): McpAuthError {
  const count = counted(violations.length, "mistake");
  const lines = violations.map((violation) => `\n  ${formatViolation(violation)}`);
  return new McpAuthError("config_invalid", `${subject} has ${count}:${lines.join("")}`, { violations });
}

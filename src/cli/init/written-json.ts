import { entries, isList, isObject, type Json } from "../../config/json.js";

/** A longer object or list is written over several lines. */
const longestLine = 100;

/**
 * Returns JSON as people write it: an object is on one line if it fits. `indent` is the white space before the value's
 * own line, `unit` that of one more level, and `used` how long the line already is.
 */
export function writtenJson(
  value: Json,
  { indent = "", unit = "  ", used = 0 }: { indent?: string; unit?: string; used?: number } = {},
): string {
  const line = inLine(value);
  // The top of a config, and a server, are easier to read and to extend over several lines.
  const isShort = indent.length + used + line.length < longestLine && depth(value) < 3;
  if (isShort || (!isObject(value) && !isList(value))) return line;
  const inner = indent + unit;
  const parts = isList(value)
    ? value.map((item) => inner + writtenJson(item, { indent: inner, unit }))
    : entries(value).map(([name, item]) => {
        const start = `${JSON.stringify(name)}: `;
        return inner + start + writtenJson(item, { indent: inner, unit, used: start.length });
      });
  const [open, close] = isList(value) ? ["[", "]"] : ["{", "}"];
  return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
}

/** Returns JSON on one line, with a space between its parts. */
export function inLine(value: Json): string {
  if (isList(value)) return `[${value.map(inLine).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const parts = entries(value).map(([name, item]) => `${JSON.stringify(name)}: ${inLine(item)}`);
  return parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
}

function depth(value: Json): number {
  return isObject(value) ? 1 + Math.max(0, ...entries(value).map(([, inner]) => depth(inner))) : 0;
}

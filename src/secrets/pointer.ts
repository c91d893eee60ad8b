import { isJsonObject } from "../lib/json-object.js";
import { quoted } from "../lib/printable.js";
import type { Content } from "./decode-content.js";

/** The string that a JSON pointer refers to, or the problem, in words that show nothing of the document. */
export type PointerResult =
  | { readonly text: string; readonly problem?: never }
  | {
      readonly text?: never;
      readonly problem: string;
      /** The document is not JSON. */
      readonly mayBeIncomplete?: true;
    };

/**
 * Returns the string at a JSON pointer (RFC 6901) in a JSON document. An object that is a key, a JWK, is returned as
 * JSON.
 */
export function readPointer(document: string, pointer: string, content: Content = "text"): PointerResult {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The error is dropped, because it quotes the document.
    return { problem: 'it is not JSON, which a "pointer" needs.', mayBeIncomplete: true };
  }
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  for (const step of steps) {
    const next = member(value, step);
    if (next === undefined) return { problem: `it has nothing at the "pointer" ${quoted(pointer)}.` };
    value = next;
  }
  if (typeof value === "string") return { text: value };
  if (content === "key" && isJsonObject(value)) return { text: JSON.stringify(value) };
  return { problem: `the value at the "pointer" ${quoted(pointer)} is not a string.` };
}

function member(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  // The lines above made sure that this is an object with such a member.
  return (value as Readonly<Record<string, unknown>>)[step];
}

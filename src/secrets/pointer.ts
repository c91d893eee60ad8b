import { quoted } from "../lib/printable.js";

/** What a JSON pointer leads to, or in words why it leads nowhere. Nothing of the document is in the words. */
export type Pointed =
  | { readonly text: string; readonly problem?: never }
  | {
      readonly text?: never;
      readonly problem: string;
      /** It is no JSON, as when only a part of it is there. */
      readonly cut?: true;
    };

/** The string at a JSON pointer (RFC 6901) in a JSON document. */
export function readPointer(document: string, pointer: string): Pointed {
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The error quotes the document.
    return { problem: 'it is not JSON, and a "pointer" leads into JSON.', cut: true };
  }
  const steps = pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  for (const step of steps) {
    const next = member(value, step);
    if (next === undefined) return { problem: `there is nothing at its "pointer" ${quoted(pointer)}.` };
    value = next;
  }
  if (typeof value === "string") return { text: value };
  return { problem: `what is at its "pointer" ${quoted(pointer)} is not a string.` };
}

function member(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return /^(0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
  // An object whose own member it is.
  return (value as Readonly<Record<string, unknown>>)[step];
}

import type { CheckContext, Report } from "./check-context.js";
import { entries, type Json, type Path } from "./json.js";
import { connectionHeaders, type ReservedHeader } from "./reserved.js";

/**
 * Checks the names of headers, and variables in their values. `reserved`: a header in lower case that this package sets,
 * with the setting for it.
 */
export function checkHeaders(
  headers: Json | undefined,
  path: Path,
  reserved: ReadonlyMap<string, ReservedHeader>,
  { report, checkValue }: CheckContext,
): void {
  const seen = new Set<string>();
  for (const [name] of entries(headers)) {
    const lower = name.toLowerCase();
    const problem = seen.has(lower) ? definedTwice : findProblem(lower, reserved);
    if (problem !== undefined) report([...path, name], { atName: true, ...problem });
    else checkValue(headers, path, name);
    seen.add(lower);
  }
}

function findProblem(lower: string, reserved: ReadonlyMap<string, ReservedHeader>): Report | undefined {
  const own = reserved.get(lower);
  if (own !== undefined) return { message: `The header ${own.name} is set by this package`, hint: own.hint };
  return connectionHeaders.has(lower)
    ? { message: "This header cannot be set: it belongs to the connection" }
    : undefined;
}

const definedTwice = {
  message: "This header is defined twice",
  hint: "Header names are not case-sensitive",
};

import { parseDuration } from "../lib/duration.js";
import type { CheckContext } from "./check-context.js";
import type { Json, Path } from "./json.js";

/** Milliseconds. The times in an assertion are whole seconds. */
const shortest = 1_000;
/** Milliseconds. Many servers refuse an assertion with a longer lifetime. */
const longest = 3_600_000;

/** Checks the lifetime of an assertion that is signed here. The schema reports text that is not a duration. */
export function checkAssertionLifetime(
  holder: Json | undefined,
  path: Path,
  name: string,
  { report, resolvedText }: CheckContext,
): void {
  const text = resolvedText(holder, path, name);
  const lifetime = text === undefined ? undefined : parseDuration(text);
  if (lifetime === undefined || lifetime === 0) return;
  if (lifetime > longest) {
    report([...path, name], { message: "An assertion can be valid for at most one hour, 1h" });
  } else if (lifetime < shortest) {
    report([...path, name], { message: "An assertion must be valid for at least one second, 1s" });
  }
}

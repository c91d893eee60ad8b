import { UsageError } from "./options.js";

/** For commands that are about what a store keeps. */
export function noStore(): UsageError {
  return new UsageError(
    'The config keeps tokens in memory, where nothing is left of them: its "store" is none of the type file or redis',
  );
}

import type { SchemaMistake } from "./error-messages.js";
import { fits } from "./fits-schema.js";
import { schema } from "./generated/plain-schema.js";
import type { Json, Path } from "./source-document.js";

/**
 * Holds a config against the schema; one mistake gives one entry. `isOpen` says of a string that its `${…}` is not
 * filled in, so that its form cannot be judged.
 */
export async function schemaMistakes(
  config: Json,
  isOpen: (path: Path, text: string) => boolean,
): Promise<readonly SchemaMistake[]> {
  if (fits(config, schema, schema)) return [];
  const { findMistakes } = await import("./explain-errors.js");
  return findMistakes(config, isOpen);
}

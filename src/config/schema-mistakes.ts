import { validate } from "./generated/validate.js";
import type { Json, Mistake, Path } from "./source-document.js";

/** A mistake that the schema found; `rule` tells two at the same place apart. */
export interface SchemaMistake extends Mistake {
  readonly rule: string;
}

/**
 * Holds a config against the schema; one mistake gives one entry. `isOpen` says of a string that its `${…}` is not
 * filled in, so that its form cannot be judged.
 */
export async function schemaMistakes(
  config: Json,
  isOpen: (path: Path, text: string) => boolean,
): Promise<readonly SchemaMistake[]> {
  if (validate(config)) return [];
  const { explainErrors } = await import("./explain-errors.js");
  return explainErrors(validate.errors ?? [], isOpen);
}

import type { SchemaError } from "./definitions.js";
import { messageFor, type SchemaMistake } from "./error-messages.js";
import { schemaErrors } from "./generated/validate.js";
import { fromPointer, type Json, type Path, toPointer } from "./json.js";
import { isAboutSources, rootCauses } from "./root-causes.js";

// Keywords that a string can fail only because its `${…}` has no value yet.
const textKeywords: ReadonlySet<string> = new Set(["pattern", "enum", "minLength"]);

/**
 * Runs the compiled validator and returns one entry for each mistake. `isUnresolved` tells whether a string has a
 * `${…}` without a value, so that its form is not known.
 */
export function findMistakes(
  config: Json,
  isUnresolved: (path: Path, text: string) => boolean,
): readonly SchemaMistake[] {
  const all = schemaErrors(config);
  const wrongType = pathsOf(all.filter(isTypeError));
  const twoSources = pathsOf(all.filter(({ parentSchema }) => parentSchema?.title === "TwoSources"));
  const errors = all.filter((error) => {
    const { keyword, instancePath, propertyName, data } = error;
    // A value of the wrong type also fails the other rules for it.
    if (wrongType.has(instancePath) && !isTypeError(error)) return false;
    // Which other properties a reference may have depends on its source, and here there are two.
    if (!isAboutSources(error) && (keyword === "not" || keyword === "required")) {
      if (twoSources.has(keyword === "not" ? parentOf(instancePath) : instancePath)) return false;
    }
    const isAboutText = textKeywords.has(keyword) && propertyName === undefined && typeof data === "string";
    return !(isAboutText && isUnresolved(fromPointer(instancePath), data));
  });
  return withoutDuplicates(rootCauses(errors).map(messageFor));
}

function isTypeError({ keyword }: SchemaError): boolean {
  return keyword === "type";
}

function pathsOf(errors: readonly SchemaError[]): ReadonlySet<string> {
  return new Set(errors.map(({ instancePath }) => instancePath));
}

function parentOf(pointer: string): string {
  return pointer.slice(0, pointer.lastIndexOf("/"));
}

/** The validator reports an error twice if two parts of the schema apply to the value. */
function withoutDuplicates(mistakes: readonly SchemaMistake[]): readonly SchemaMistake[] {
  const byPlace = new Map<string, SchemaMistake>();
  for (const mistake of mistakes) byPlace.set(`${toPointer(mistake.path)} ${mistake.rule}`, mistake);
  return [...byPlace.values()];
}

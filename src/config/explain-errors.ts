import type { PartTitle, SchemaError } from "./definitions.js";
import { messageFor, type SchemaMistake } from "./error-messages.js";
import { schemaErrors } from "./generated/validate.js";
import { entries, fromPointer, isList, isObject, type Json, type Path, toPointer } from "./json.js";
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
  const quotable = pathsThatNeedQuotes(config, errors);
  return withoutDuplicates(rootCauses(errors).map((cause) => messageFor(cause, quotable)));
}

/** Returns the paths of numbers and booleans that would be valid as strings. */
function pathsThatNeedQuotes(config: Json, errors: readonly SchemaError[]): ReadonlySet<string> {
  const texts = new Map<string, string>();
  for (const error of errors) {
    const { instancePath, params, parentSchema, data } = error;
    if (!isTypeError(error) || !String(params.type).split(",").includes("string")) continue;
    // Other texts are not likely to be `true` or `false`.
    const isText = typeof data === "number" || (typeof data === "boolean" && isAnyText(parentSchema?.title));
    if (isText) texts.set(instancePath, String(data));
  }
  if (texts.size === 0) return new Set();
  const stillInvalid = pathsOf(schemaErrors(withTexts(config, "", texts)));
  return new Set([...texts.keys()].filter((path) => !stillInvalid.has(path)));
}

/** Whether the value is sent to a server as it is. */
function isAnyText(title: PartTitle | undefined): boolean {
  return title === "HeaderValue" || title === "ParamValue";
}

/** Returns a copy of a value in which the values at some paths are these texts. */
function withTexts(value: Json, path: string, texts: ReadonlyMap<string, string>): Json {
  const text = texts.get(path);
  if (text !== undefined) return text;
  if (isList(value)) return value.map((item, index) => withTexts(item, `${path}/${index}`, texts));
  if (!isObject(value)) return value;
  const copy: Record<string, Json> = Object.create(null);
  for (const [name, inner] of entries(value)) copy[name] = withTexts(inner, path + toPointer([name]), texts);
  return copy;
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

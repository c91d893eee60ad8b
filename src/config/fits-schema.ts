import type { Confined } from "./definitions.js";
import { isList, isObject, type Json } from "./json.js";

/**
 * A part of a JSON Schema (draft 2020-12), with the keywords that `fits` supports and no others. A string is a `$ref`
 * to the definition of that name, with nothing beside it.
 */
export type Schema = boolean | string | SchemaKeywords;
export interface SchemaKeywords {
  readonly $defs?: Readonly<Record<string, Schema>>;
  /** The name of a definition. */
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly propertyNames?: Schema;
  readonly required?: readonly string[];
  readonly dependentSchemas?: Readonly<Record<string, Schema>>;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly not?: Schema;
  readonly if?: Schema;
  readonly then?: Schema;
  readonly else?: Schema;
  /** The kind of resource that the string refers to, for `allow`. It does not limit the value. */
  readonly confine?: Confined;
}

/**
 * Whether a value satisfies a part of a schema. This file has a tenth of the code of the compiled validator, so startup
 * is faster. The validator is loaded only for a value that does not fit, to find every mistake.
 */
export function fits(value: Json, schema: Schema | undefined, root: SchemaKeywords): boolean {
  if (typeof schema === "string") return fits(value, named(schema, root), root);
  if (typeof schema !== "object") return schema !== false;
  const { $ref, type, not } = schema;
  if ($ref !== undefined && !fits(value, named($ref, root), root)) return false;
  if (type !== undefined && !isOneOf(value, type)) return false;
  if (schema.enum?.includes(value) === false) return false;
  if (schema.const !== undefined && value !== schema.const) return false;
  if (typeof value === "string" && !fitsText(value, schema)) return false;
  if (typeof value === "number" && !fitsNumber(value, schema)) return false;
  if (isList(value) && !fitsList(value, schema, root)) return false;
  if (isObject(value) && !fitsObject(value, schema, root)) return false;
  if (schema.allOf?.every((each) => fits(value, each, root)) === false) return false;
  if (schema.anyOf?.some((each) => fits(value, each, root)) === false) return false;
  if (not !== undefined && fits(value, not, root)) return false;
  if (schema.if === undefined) return true;
  return fits(value, fits(value, schema.if, root) ? schema.then : schema.else, root);
}

function named(name: string, { $defs = {} }: SchemaKeywords): Schema {
  // Nothing fits a definition that does not exist.
  return $defs[name] ?? false;
}

function isOneOf(value: Json, types: string | readonly string[]): boolean {
  return typeof types === "string" ? isOfType(value, types) : types.some((type) => isOfType(value, type));
}

function isOfType(value: Json, type: string): boolean {
  switch (type) {
    case "object":
      return isObject(value);
    case "array":
      return isList(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return Number.isFinite(value);
    default:
      return type === (value === null ? "null" : typeof value);
  }
}

const patterns = new Map<string, RegExp>();

function fitsText(value: string, { pattern, minLength = 0 }: SchemaKeywords): boolean {
  if (value.length < minLength && [...value].length < minLength) return false;
  if (pattern === undefined) return true;
  const expression = patterns.get(pattern) ?? new RegExp(pattern, "u");
  patterns.set(pattern, expression);
  return expression.test(value);
}

function fitsNumber(value: number, { minimum = value, maximum = value }: SchemaKeywords): boolean {
  return minimum <= value && value <= maximum;
}

function fitsList(
  value: readonly Json[],
  { items, minItems = 0, uniqueItems }: SchemaKeywords,
  root: SchemaKeywords,
): boolean {
  if (value.length < minItems) return false;
  if (uniqueItems === true && new Set(value.map((item) => JSON.stringify(item))).size < value.length)
    return false;
  // By index, because `every` skips the holes of a list that comes from code.
  for (let index = 0; items !== undefined && index < value.length; index += 1) {
    if (!fits(value[index] ?? null, items, root)) return false;
  }
  return true;
}

const noProperties: Readonly<Record<string, Schema>> = {};

function fitsObject(
  value: Readonly<Record<string, Json>>,
  {
    properties = noProperties,
    additionalProperties,
    propertyNames,
    required,
    dependentSchemas,
  }: SchemaKeywords,
  root: SchemaKeywords,
): boolean {
  if (required?.every((name) => Object.hasOwn(value, name)) === false) return false;
  for (const name in dependentSchemas) {
    if (Object.hasOwn(value, name) && !fits(value, dependentSchemas[name], root)) return false;
  }
  if (properties === noProperties && additionalProperties === undefined && propertyNames === undefined)
    return true;
  // `for … in` is safe here: neither a schema nor a config inherits properties.
  for (const name in value) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : additionalProperties;
    if (schema !== undefined && !fits(value[name] ?? null, schema, root)) return false;
    if (propertyNames !== undefined && !fits(name, propertyNames, root)) return false;
  }
  return true;
}

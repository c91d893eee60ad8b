import type { Confined } from "./definitions.js";
import { isList, isObject, type Json, type JsonObject } from "./json.js";

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

type Check = (value: Json) => boolean;
type PropertyChecks = (value: JsonObject) => boolean;

/**
 * Whether a value satisfies a part of a schema. This file has a tenth of the code of the compiled validator, so startup
 * is faster. The validator is loaded only for a value that does not fit, to find every mistake.
 */
export function fits(value: Json, schema: Schema | undefined, root: SchemaKeywords): boolean {
  return checkOf(schema, root)(value);
}

// Most parts are used many times: once for each server. Each is turned into functions for the keywords that it has,
// when it is first used.
const checks = new WeakMap<SchemaKeywords, Check>();

function checkOf(schema: Schema | undefined, root: SchemaKeywords): Check {
  // Nothing fits a definition that does not exist.
  if (typeof schema === "string") return checkOf(root.$defs?.[schema] ?? false, root);
  if (typeof schema !== "object") return () => schema !== false;
  const known = checks.get(schema);
  if (known !== undefined) return known;
  const check = both(keywordChecks(schema, root));
  checks.set(schema, check);
  return check;
}

/** Creates the check of a part when it is first needed. A definition may contain itself. */
function lazyCheck(schema: Schema | undefined, root: SchemaKeywords): Check {
  let check: Check | undefined;
  return (value) => {
    check ??= checkOf(schema, root);
    return check(value);
  };
}

function both<T>(all: readonly ((value: T) => boolean)[]): (value: T) => boolean {
  const [first = () => true, second, ...others] = all;
  if (second === undefined) return first;
  const rest = others.length === 0 ? second : both([second, ...others]);
  return (value) => first(value) && rest(value);
}

function keywordChecks(schema: SchemaKeywords, root: SchemaKeywords): readonly Check[] {
  const { $ref, type, enum: allowed, const: only, pattern, minLength, minimum, maximum, not } = schema;
  const all: Check[] = [];
  if (type !== undefined) all.push(typeCheck(type));
  if ($ref !== undefined) all.push(lazyCheck($ref, root));
  if (allowed !== undefined) all.push((value) => allowed.includes(value));
  if (only !== undefined) all.push((value) => value === only);
  if (minLength !== undefined) all.push((value) => typeof value !== "string" || isLong(value, minLength));
  if (pattern !== undefined) {
    const expression = new RegExp(pattern, "u");
    all.push((value) => typeof value !== "string" || expression.test(value));
  }
  if (minimum !== undefined) all.push((value) => typeof value !== "number" || minimum <= value);
  if (maximum !== undefined) all.push((value) => typeof value !== "number" || value <= maximum);
  const list = both(listChecks(schema, root));
  const object = both(objectChecks(schema, root));
  all.push((value) => (isList(value) ? list(value) : !isObject(value) || object(value)));
  for (const each of schema.allOf ?? []) all.push(lazyCheck(each, root));
  if (schema.anyOf !== undefined) {
    const alternatives = schema.anyOf.map((each) => lazyCheck(each, root));
    all.push((value) => alternatives.some((fitsOne) => fitsOne(value)));
  }
  if (not !== undefined) {
    const unwanted = lazyCheck(not, root);
    all.push((value) => !unwanted(value));
  }
  if (schema.if !== undefined) {
    const condition = lazyCheck(schema.if, root);
    const [yes, no] = [lazyCheck(schema.then, root), lazyCheck(schema.else, root)];
    all.push((value) => (condition(value) ? yes(value) : no(value)));
  }
  return all;
}

function typeCheck(type: string | readonly string[]): Check {
  if (typeof type !== "string") {
    const types = type.map(typeCheck);
    return (value) => types.some((isOfType) => isOfType(value));
  }
  switch (type) {
    case "object":
      return isObject;
    case "array":
      return isList;
    case "integer":
      return Number.isInteger;
    case "number":
      return Number.isFinite;
    case "null":
      return (value) => value === null;
    default:
      return (value) => typeof value === type;
  }
}

/** Whether a text has this many characters. */
function isLong(value: string, minLength: number): boolean {
  return value.length >= 2 * minLength || [...value].length >= minLength;
}

function listChecks(
  { items, minItems = 0, uniqueItems }: SchemaKeywords,
  root: SchemaKeywords,
): readonly ((value: readonly Json[]) => boolean)[] {
  const all: ((value: readonly Json[]) => boolean)[] = [];
  if (minItems > 0) all.push((value) => value.length >= minItems);
  if (uniqueItems === true) {
    all.push((value) => new Set(value.map((item) => JSON.stringify(item))).size === value.length);
  }
  if (items !== undefined) {
    const fitsItem = lazyCheck(items, root);
    // `Array.from` visits the holes of a list that comes from code.
    all.push((value) => Array.from(value).every((item) => fitsItem(item ?? null)));
  }
  return all;
}

function objectChecks(schema: SchemaKeywords, root: SchemaKeywords): readonly PropertyChecks[] {
  const { required, dependentSchemas = {} } = schema;
  const all: PropertyChecks[] = [];
  for (const name of required ?? []) all.push((value) => Object.hasOwn(value, name));
  for (const [name, dependent] of Object.entries(dependentSchemas)) {
    const check = lazyCheck(dependent, root);
    all.push((value) => !Object.hasOwn(value, name) || check(value));
  }
  const { properties, additionalProperties, propertyNames } = schema;
  if ([properties, additionalProperties, propertyNames].some((each) => each !== undefined)) {
    all.push(propertiesCheck(schema, root));
  }
  return all;
}

function propertiesCheck(
  { properties = {}, additionalProperties, propertyNames }: SchemaKeywords,
  root: SchemaKeywords,
): PropertyChecks {
  const named = new Map(Object.entries(properties).map(([name, part]) => [name, lazyCheck(part, root)]));
  const others = lazyCheck(additionalProperties, root);
  const fitsName = propertyNames === undefined ? undefined : lazyCheck(propertyNames, root);
  return (value) => {
    // `for … in` is safe here, because a config inherits no properties.
    for (const name in value) {
      if (!(named.get(name) ?? others)(value[name] ?? null)) return false;
      if (fitsName?.(name) === false) return false;
    }
    return true;
  };
}

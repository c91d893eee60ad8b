// What the compiled validator calls: scripts/compact-validator.mjs replaces its own code for the same by these calls.
import type { DefinitionTitle, SchemaError, SchemaPart } from "./definitions.js";
import { definitions } from "./generated/definitions.js";

type Errors = SchemaError[];
type Properties = Readonly<Record<string, unknown>>;

export function fail(
  errors: Errors,
  instancePath: string,
  keyword: string,
  parentSchema: SchemaPart,
  data: unknown,
  params: SchemaError["params"] = {},
  propertyName?: string,
): void {
  const name = propertyName === undefined ? {} : { propertyName };
  errors.push({ instancePath, keyword, params, parentSchema, data, ...name });
}

/** Returns the names of the properties that an object may have. */
export function propertiesOf(title: string | undefined): readonly string[] {
  return isDefinition(title) ? definitions[title].properties : [];
}

export function isDefinition(title: string | undefined): title is DefinitionTitle {
  return title !== undefined && Object.hasOwn(definitions, title);
}

/** For `additionalProperties: false`. */
export function refuseOthers(errors: Errors, path: string, part: SchemaPart, data: Properties): void {
  const names = propertiesOf(part.title);
  for (const name in data) {
    if (!names.includes(name)) {
      fail(errors, path, "additionalProperties", part, data, { additionalProperty: name });
    }
  }
}

/** For `required`. */
export function need(errors: Errors, path: string, part: SchemaPart, data: Properties, name: string): void {
  if (data[name] === undefined) fail(errors, path, "required", part, data, { missingProperty: name });
}

/** For `enum`. */
export function oneOf(errors: Errors, path: string, part: SchemaPart, data: unknown): void {
  if (part.enum?.includes(data) !== true) fail(errors, path, "enum", part, data);
}

/** Checks the value of a property, if the object has it. */
export function inner(
  errors: Errors,
  path: string,
  data: Properties,
  name: string,
  validate: (data: unknown, path: string, errors: Errors) => void,
): void {
  if (data[name] !== undefined) validate(data[name], `${path}/${name}`, errors);
}

import { nearNames } from "../lib/near-names.js";
import type { SchemaError } from "./generated/validate.js";
import { literalSecretHint, variableMeant } from "./literal-secret.js";
import { fromPointer, type Json, type Mistake, type Path, toPointer } from "./source-document.js";

/** A mistake that the schema found; `rule` tells two at the same place apart. */
export interface SchemaMistake extends Mistake {
  readonly rule: string;
}

// They sum up errors that are there anyway.
const summaries = new Set(["if", "propertyNames"]);
// What a string may fail as long as it is not known what its `${…}` stands for.
const rulesOfText = new Set(["pattern", "enum", "minLength"]);

/**
 * Holds a config against the schema; one mistake gives one entry. `isOpen` says of a string that its `${…}` is not
 * filled in, so that its form cannot be judged.
 */
export async function schemaMistakes(
  config: Json,
  isOpen: (path: Path, text: string) => boolean,
): Promise<readonly SchemaMistake[]> {
  const { validate } = await import("./generated/validate.js");
  if (validate(config)) return [];
  const all = validate.errors ?? [];
  const ofWrongType = new Set(all.filter(isWrongType).map(({ instancePath }) => instancePath));
  const errors = all.filter((error) => {
    if (summaries.has(error.keyword)) return false;
    // What is no string is also none of the strings allowed.
    if (ofWrongType.has(error.instancePath) && !isWrongType(error)) return false;
    const isForm = rulesOfText.has(error.keyword) && error.propertyName === undefined;
    return !(isForm && typeof error.data === "string" && isOpen(fromPointer(error.instancePath), error.data));
  });
  return oncePerMistake(withoutMisspelt(errors).map(toMistake));
}

/** An error, and for an unknown property the name it was probably meant to be. */
interface Finding {
  readonly error: SchemaError;
  readonly meant?: string;
}

/** Takes out what is missing only because its name is misspelt. */
function withoutMisspelt(errors: readonly SchemaError[]): readonly Finding[] {
  const found = new Set<string>();
  const findings: Finding[] = [];
  for (const error of errors.filter(isUnknown)) {
    const unknown = String(error.params.additionalProperty);
    const absent = knownNames(error).filter((name) => !isPresent(error, name));
    const missing = errors.filter((other) => isMissing(other) && other.instancePath === error.instancePath);
    const required = missing.map(({ params }) => String(params.missingProperty));
    const free = (name: string) => !found.has(`${error.instancePath} ${name}`);
    const meant = likeliest(unknown, required.filter(free), absent.filter(free));
    if (meant !== undefined) found.add(`${error.instancePath} ${meant}`);
    findings.push({ error, ...(meant !== undefined && { meant }) });
  }
  const unknownAt = new Set(findings.map(({ error }) => error.instancePath));
  for (const error of errors) {
    if (isUnknown(error)) continue;
    if (isMissing(error) && found.has(`${error.instancePath} ${String(error.params.missingProperty)}`))
      continue;
    // One property too many is the unknown one.
    if (error.keyword === "maxProperties" && unknownAt.has(error.instancePath)) continue;
    findings.push({ error });
  }
  return findings;
}

function likeliest(
  unknown: string,
  required: readonly string[],
  absent: readonly string[],
): string | undefined {
  for (const candidates of [required, absent]) {
    const [near] = nearNames(unknown, candidates);
    // `client_id` is no slip of the finger for `id`, and yet it means it.
    const meant = near ?? candidates.find((name) => words(unknown).endsWith(` ${words(name)}`));
    if (meant !== undefined) return meant;
  }
  return undefined;
}

function words(name: string): string {
  return name.replaceAll(/[-_.]|(?=[A-Z])/g, " ").toLowerCase();
}

function toMistake({ error, meant }: Finding): SchemaMistake {
  const { keyword, params, propertyName, data } = error;
  const path = fromPointer(error.instancePath);
  const schema = error.parentSchema ?? {};
  const mistake = (message: string, hint?: string, at: Path = path, atName = false): SchemaMistake => {
    return { path: at, atName, message, ...(hint !== undefined && { hint }), rule: `${keyword} ${message}` };
  };
  const hidden = path.at(-1) === "env" || path.at(-1) === "file" ? "SecretReference" : schema.title;
  const found = `, found ${describe(data, hidden)}`;

  if (propertyName !== undefined) {
    return mistake(
      schema.patternErrorMessage ?? "This name is not allowed",
      undefined,
      [...path, propertyName],
      true,
    );
  }
  switch (keyword) {
    case "additionalProperties":
      return unknownProperty({ error, ...(meant !== undefined && { meant }) }, path);
    case "required": {
      const name = String(params.missingProperty);
      return mistake(`The property "${name}" is missing`, missingHint(name, schema.title));
    }
    case "type":
      return wrongType(error, path, found);
    case "enum": {
      const values = schema.enum ?? [];
      const allowed = values.map((value) => JSON.stringify(value)).join(", ");
      const [near] = typeof data === "string" ? nearNames(data, values.map(String)) : [];
      const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
      return {
        ...mistake(`Must be ${values.length > 1 ? "one of " : ""}${allowed}${found}`, hint),
        ...(near !== undefined && { fix: { kind: "text", to: near } as const }),
        rule: "enum",
      };
    }
    case "const":
      return mistake(`${schema.errorMessage ?? "Not allowed here"}${found}`);
    case "not":
      return mistake(schema.errorMessage ?? "Not allowed here", undefined, path, true);
    case "pattern":
      return {
        ...mistake(`${schema.patternErrorMessage ?? "Not of the right form"}${found}`),
        rule: "pattern",
      };
    case "minLength":
      return mistake("Must not be empty");
    case "minItems":
      return mistake("Must not be empty", "Leave it out instead");
    case "uniqueItems":
      return mistake("This is in the list twice", "Keep one of them", [
        ...path,
        String(Math.max(params.i ?? 0, params.j ?? 0)),
      ]);
    case "minimum":
      return mistake(`Must be at least ${String(params.limit)}${found}`);
    case "maximum":
      return mistake(`Must be at most ${String(params.limit)}${found}`);
    case "minProperties":
      return mistake(`${schema.errorMessage ?? "Must not be empty"}, found an empty object`);
    case "maxProperties":
      return mistake(schema.errorMessage ?? "Too many properties", "Keep one of the places");
    default:
      return mistake("Not allowed here");
  }
}

function unknownProperty({ error, meant }: Finding, path: Path): SchemaMistake {
  const name = String(error.params.additionalProperty);
  const hint =
    meant === undefined ? `Allowed here: ${knownNames(error).join(", ")}` : `Did you mean "${meant}"?`;
  // `secret:hunter2`, a space forgotten, is a name in YAML.
  if (/[:=]/.test(name)) {
    const message = `Unknown property with a name of ${name.length} characters`;
    return { path, atName: true, message, hint, rule: `additionalProperties ${message}` };
  }
  const message = `Unknown property ${JSON.stringify(name)}`;
  const rule = `additionalProperties ${message}`;
  const mistake = { path: [...path, name], atName: true, message, hint, rule };
  return meant === undefined ? mistake : { ...mistake, fix: { kind: "name", to: meant } };
}

function wrongType({ params, parentSchema, data }: SchemaError, path: Path, found: string): SchemaMistake {
  const message = `${parentSchema?.errorMessage ?? `Must be ${article(String(params.type))}`}${found}`;
  if (parentSchema?.title !== "SecretReference" || typeof data !== "string") {
    return { path, atName: false, message, rule: "type" };
  }
  const variable = variableMeant(data);
  return {
    path,
    atName: false,
    message,
    hint: literalSecretHint(path, data),
    ...(variable !== undefined && { fix: { kind: "reference", to: variable } as const }),
    rule: "type",
  };
}

function missingHint(name: string, title: string | undefined): string | undefined {
  if (name === "type" && title === "UndecidedGrant")
    return 'A grant with a "token" is { "type": "static", "token": … }';
  if (name === "issuer") return "A credential goes only to the authorization server that it is registered at";
  return undefined;
}

/** What was found, without what it says: a secret may stand where none belongs. */
function describe(data: unknown, title: unknown): string {
  if (typeof data === "boolean") return String(data);
  if (typeof data === "number")
    return title === "SecretReference" || title === "HeaderValue" ? "a number" : `${data}`;
  if (typeof data === "string") {
    return data === ""
      ? "an empty string"
      : `a string of ${data.length} character${data.length === 1 ? "" : "s"}`;
  }
  if (data === null || data === undefined) return "null";
  return Array.isArray(data) ? "a list" : "an object";
}

function article(type: string): string {
  return type
    .split(",")
    .map((name) => (name === "array" ? "a list" : /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`))
    .join(" or ");
}

function isWrongType({ keyword }: SchemaError): boolean {
  return keyword === "type";
}

function isUnknown({ keyword }: SchemaError): boolean {
  return keyword === "additionalProperties";
}

function isMissing({ keyword }: SchemaError): boolean {
  return keyword === "required";
}

function knownNames({ parentSchema }: SchemaError): readonly string[] {
  return Object.keys(parentSchema?.properties ?? {});
}

function isPresent({ data }: SchemaError, name: string): boolean {
  return typeof data === "object" && data !== null && Object.hasOwn(data, name);
}

// A value can be reached through two parts of the schema.
function oncePerMistake(mistakes: readonly SchemaMistake[]): readonly SchemaMistake[] {
  const byPlace = new Map<string, SchemaMistake>();
  for (const mistake of mistakes) byPlace.set(`${toPointer(mistake.path)} ${mistake.rule}`, mistake);
  return [...byPlace.values()];
}

import { nearNames } from "../lib/near-names.js";
import type { SchemaError } from "./generated/validate.js";
import { type Home, homeOf } from "./misplaced.js";

/** An error of the schema, and what is known of the unknown property that it is about. */
export interface Finding {
  readonly error: SchemaError;
  /** The name it was probably meant to be. */
  readonly meant?: string;
  /** Where the property belongs, and which others stand beside it that belong there too. */
  readonly home?: Home & { readonly names: readonly string[] };
}

/** Takes out what the schema says beside an unknown property, and what is missing only because it has that name. */
export function withoutConsequences(errors: readonly SchemaError[]): readonly Finding[] {
  const isElsewhere = new Map<SchemaError, Home>();
  const meant = new Map<SchemaError, string>();
  // By path and name, what is there under another name.
  const found = new Set<string>();
  const unknown = errors.filter(isUnknown);
  for (const error of unknown) {
    const name = String(error.params.additionalProperty);
    const near = nearestTo(name, error, errors, found);
    const home = homeIn(error, name) ?? (near === undefined ? homeOfPlural(error, name) : undefined);
    // A name that belongs elsewhere is no slip of the finger, unless it is that of one thing for several.
    if (near !== undefined && (home === undefined || `${name}s` === near || name === `${near}s`)) {
      meant.set(error, near);
      found.add(`${error.instancePath} ${near}`);
    } else if (home !== undefined) {
      isElsewhere.set(error, home);
    }
  }
  const findings = [
    ...grouped(unknown, isElsewhere),
    ...unknown
      .filter((error) => !isElsewhere.has(error))
      .map((error) => {
        const near = meant.get(error);
        return { error, ...(near !== undefined && { meant: near }) };
      }),
  ];
  const unknownAt = new Set(unknown.map(({ instancePath }) => instancePath));
  const rest = errors.filter((error) => {
    if (isUnknown(error)) return false;
    if (isMissing(error)) return !isThere(error, found, isElsewhere);
    // That it names no place, or two, follows from the name that is unknown.
    return !(isAboutPlaces(error) && unknownAt.has(error.instancePath));
  });
  return [...findings, ...rest.map((error) => ({ error }))];
}

function homeIn({ parentSchema }: SchemaError, name: string): Home | undefined {
  return homeOf(name, parentSchema?.title ?? "");
}

/** `scope` beside `grant`. */
function homeOfPlural(error: SchemaError, name: string): Home | undefined {
  const home = homeIn(error, `${name}s`);
  return home && { ...home, hint: `Its name is "${name}s"` };
}

/** The rule for how many places a reference names. */
export function isAboutPlaces({ parentSchema }: SchemaError): boolean {
  return parentSchema?.title === "NoPlace" || parentSchema?.title === "TwoPlaces";
}

/** The names that a place may have. */
export function knownNames({ parentSchema }: SchemaError): readonly string[] {
  return Object.keys(parentSchema?.properties ?? {});
}

/** What is absent beside an unknown property and has almost its name; what is missing comes first. */
function nearestTo(
  name: string,
  error: SchemaError,
  errors: readonly SchemaError[],
  found: ReadonlySet<string>,
): string | undefined {
  const free = (each: string) => !found.has(`${error.instancePath} ${each}`);
  const absent = knownNames(error).filter((each) => !isPresent(error, each) && free(each));
  const required = errors
    .filter((other) => isMissing(other) && other.instancePath === error.instancePath)
    .map(({ params }) => String(params.missingProperty))
    .filter(free);
  return likeliest(name, required, absent);
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

/** Several properties that stand in one place and belong to one other are one mistake. */
function grouped(
  unknown: readonly SchemaError[],
  isElsewhere: ReadonlyMap<SchemaError, Home>,
): readonly Finding[] {
  const groups = new Map<string, { error: SchemaError; home: Home & { names: string[] } }>();
  for (const error of unknown) {
    const home = isElsewhere.get(error);
    if (home === undefined) continue;
    const key = `${error.instancePath} ${home.where}`;
    const name = String(error.params.additionalProperty);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { error, home: { ...home, names: [name] } });
    else group.home.names.push(name);
  }
  return [...groups.values()];
}

/** Whether what is missing is there after all: misspelt, or one level off. */
function isThere(
  missing: SchemaError,
  found: ReadonlySet<string>,
  isElsewhere: ReadonlyMap<SchemaError, Home>,
): boolean {
  const name = String(missing.params.missingProperty);
  const isFound = (each: string) => found.has(`${missing.instancePath} ${each}`);
  // A key has a `privateKey` where it has no `signer`.
  if (isFound(name) || (missing.parentSchema?.title === "PrivateKey" && isFound("signer"))) return true;
  return [...isElsewhere].some(([{ instancePath, params }, { within }]) => {
    if (name !== params.additionalProperty && !within.includes(name)) return false;
    return isOneLine(instancePath, missing.instancePath);
  });
}

/** Whether one of two places is in the other. What stands at the top is in no server. */
function isOneLine(a: string, b: string): boolean {
  if (a === "" || b === "") return a === b;
  return `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`);
}

function isUnknown({ keyword }: SchemaError): boolean {
  return keyword === "additionalProperties";
}

function isMissing({ keyword }: SchemaError): boolean {
  return keyword === "required";
}

function isPresent({ data }: SchemaError, name: string): boolean {
  return typeof data === "object" && data !== null && Object.hasOwn(data, name);
}

import { nearNames } from "../lib/near-names.js";
import type { SchemaPart } from "./generated/schema-parts.js";
import type { FoundError } from "./generated/validate.js";
import { type Home, homeOf, otherNameOf } from "./misplaced.js";

/** An error, with the part of the schema that it is about. */
export interface SchemaError extends Omit<FoundError, "part"> {
  readonly parentSchema: SchemaPart | undefined;
}

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
  const missing = missingByPlace(errors);
  for (const error of unknown) {
    const name = String(error.params.additionalProperty);
    const other = otherName(error, name, found);
    const near = other ?? nearestTo(name, error, missing.get(error.instancePath) ?? [], found);
    const home =
      other !== undefined
        ? undefined
        : (homeIn(error, name) ?? (near === undefined ? homeOfPlural(error, name) : undefined));
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
  const elsewhere = placesByName(isElsewhere);
  const unknownAt = new Set(unknown.map(({ instancePath }) => instancePath));
  const rest = errors.filter((error) => {
    if (isUnknown(error)) return false;
    if (isMissing(error)) return !isThere(error, found, elsewhere);
    // That it names no place, or two, follows from the name that is unknown.
    return !(isAboutPlaces(error) && unknownAt.has(error.instancePath));
  });
  return [...findings, ...rest.map((error) => ({ error }))];
}

function homeIn(error: SchemaError, name: string): Home | undefined {
  return homeOf(name, error.parentSchema?.title ?? "", (each) => isPresent(error, each));
}

/** What is absent and goes by this name, too. */
function otherName(error: SchemaError, name: string, found: ReadonlySet<string>): string | undefined {
  const other = otherNameOf(name, error.parentSchema?.title ?? "");
  if (other === undefined || isPresent(error, other)) return undefined;
  return found.has(`${error.instancePath} ${other}`) ? undefined : other;
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
  return parentSchema?.properties ?? [];
}

/** What is absent beside an unknown property and has almost its name; what is missing comes first. */
function nearestTo(
  name: string,
  error: SchemaError,
  missing: readonly string[],
  found: ReadonlySet<string>,
): string | undefined {
  const free = (each: string) => !found.has(`${error.instancePath} ${each}`);
  const absent = knownNames(error).filter((each) => !isPresent(error, each) && free(each));
  return likeliest(name, missing.filter(free), absent);
}

/** The names that are missing, by where they are. */
function missingByPlace(errors: readonly SchemaError[]): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, string[]>();
  for (const error of errors.filter(isMissing)) {
    const name = String(error.params.missingProperty);
    const names = missing.get(error.instancePath);
    if (names === undefined) missing.set(error.instancePath, [name]);
    else names.push(name);
  }
  return missing;
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
  elsewhere: ReadonlyMap<string, Lines>,
): boolean {
  const name = String(missing.params.missingProperty);
  const isFound = (each: string) => found.has(`${missing.instancePath} ${each}`);
  // A key has a `privateKey` where it has no `signer`.
  if (isFound(name) || (missing.parentSchema?.title === "PrivateKey" && isFound("signer"))) return true;
  return elsewhere.get(name)?.reach(missing.instancePath) ?? false;
}

/** By a name that may be missing elsewhere: where it, or what it is a part of, stands and does not belong. */
function placesByName(isElsewhere: ReadonlyMap<SchemaError, Home>): ReadonlyMap<string, Lines> {
  const places = new Map<string, Lines>();
  for (const [{ instancePath, params }, { within }] of isElsewhere) {
    for (const name of new Set([String(params.additionalProperty), ...within])) {
      const lines = places.get(name) ?? new Lines();
      lines.add(instancePath);
      places.set(name, lines);
    }
  }
  return places;
}

/** Places, each with those that it is in and those that are in it. What stands at the top is in no server. */
class Lines {
  readonly #places = new Set<string>();
  readonly #above = new Set<string>();

  add(place: string): void {
    this.#places.add(place);
    for (const each of upwards(place)) this.#above.add(each);
  }

  /** Whether a place is one of them, in one of them, or has one of them in it. */
  reach(place: string): boolean {
    if (this.#places.has(place) || this.#above.has(place)) return true;
    return upwards(place).some((each) => this.#places.has(each));
  }
}

/** What a place is in, but for the top. */
function upwards(place: string): readonly string[] {
  const ends = [...place.matchAll(/(?!^)\//g)].map(({ index }) => index);
  return ends.map((end) => place.slice(0, end));
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

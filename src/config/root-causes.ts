import { nearNames } from "../lib/near-names.js";
import type { SchemaError } from "./definitions.js";
import { type CorrectPlace, correctPlaceOf, synonymIn } from "./misplaced.js";
import { propertiesOf } from "./validator-errors.js";

/**
 * An error that does not follow from another error. For an unknown property it also says what was meant, if that is
 * known.
 */
export interface RootCause {
  readonly error: SchemaError;
  /** The property that the name is probably a misspelling of. */
  readonly intended?: string;
  /** Where the property belongs, with all properties of the same object that belong there. */
  readonly correctPlace?: CorrectPlace & { readonly names: readonly string[] };
}

/**
 * Removes errors that follow from others: a misspelled or misplaced property also makes the validator report the
 * property that is missing because of it, and a reference without a source.
 */
export function rootCauses(errors: readonly SchemaError[]): readonly RootCause[] {
  const unknown = errors.filter(isUnknownProperty);
  const { intended, misplaced, present } = classify(unknown, missingByPath(errors));
  const misplacedPaths = pathsByName(misplaced);
  const pathsWithUnknown = new Set(unknown.map(({ instancePath }) => instancePath));
  const otherErrors = errors.filter((error) => {
    if (isUnknownProperty(error)) return false;
    if (isMissingProperty(error))
      return !isPresentElsewhere(error, present, misplacedPaths) && !mayBeInParams(error, present);
    return !(isAboutSources(error) && pathsWithUnknown.has(error.instancePath));
  });
  return [
    ...groupedByPlace(misplaced),
    ...unknown
      .filter((error) => !misplaced.has(error))
      .map((error) => {
        const name = intended.get(error);
        return { error, ...(name !== undefined && { intended: name }) };
      }),
    ...otherErrors.map((error) => ({ error })),
  ];
}

/** Whether the missing `subject` of a token exchange may be in its `params`, whose name is misspelled. */
function mayBeInParams(error: SchemaError, present: ReadonlySet<string>): boolean {
  return error.parentSchema?.title === "ExchangeOfSubject" && present.has(keyOf(error, "params"));
}

interface Classified {
  /** The property that each misspelled name was meant to be. */
  readonly intended: ReadonlyMap<SchemaError, string>;
  /** Where each misplaced property belongs. */
  readonly misplaced: ReadonlyMap<SchemaError, CorrectPlace>;
  /** Properties that are present under another name, as keys of `keyOf`. */
  readonly present: ReadonlySet<string>;
}

function classify(
  unknown: readonly SchemaError[],
  missing: ReadonlyMap<string, readonly string[]>,
): Classified {
  const intended = new Map<SchemaError, string>();
  const misplaced = new Map<SchemaError, CorrectPlace>();
  const present = new Set<string>();
  for (const error of unknown) {
    const name = unknownNameOf(error);
    const synonym = freeSynonym(error, name, present);
    const near = synonym ?? nearestName(name, error, missing.get(error.instancePath) ?? [], present);
    const place =
      synonym !== undefined
        ? undefined
        : (placeFor(error, name) ?? (near === undefined ? placeForPlural(error, name) : undefined));
    // A name that is correct elsewhere is not a misspelling, unless only the plural differs.
    if (near !== undefined && (place === undefined || `${name}s` === near || name === `${near}s`)) {
      intended.set(error, near);
      present.add(keyOf(error, near));
    } else if (place !== undefined) {
      misplaced.set(error, place);
    }
  }
  return { intended, misplaced, present };
}

function placeFor(error: SchemaError, name: string): CorrectPlace | undefined {
  return correctPlaceOf(name, titleOf(error), (other) => hasProperty(error, other));
}

/** For `scope`, the place of `scopes`. */
function placeForPlural(error: SchemaError, name: string): CorrectPlace | undefined {
  const place = placeFor(error, `${name}s`);
  return place && { ...place, hint: `Its name is "${name}s"` };
}

/** The property that the name is a synonym of, if the object does not have it yet. */
function freeSynonym(error: SchemaError, name: string, present: ReadonlySet<string>): string | undefined {
  const synonym = synonymIn(titleOf(error), name);
  if (synonym === undefined || hasProperty(error, synonym)) return undefined;
  return present.has(keyOf(error, synonym)) ? undefined : synonym;
}

/** Whether the error says that a reference or signer has no source, or two. */
export function isAboutSources({ parentSchema }: SchemaError): boolean {
  return parentSchema?.title === "NoSource" || parentSchema?.title === "TwoSources";
}

/** Returns the closest name of a property that the object does not have. Required properties are preferred. */
function nearestName(
  name: string,
  error: SchemaError,
  missing: readonly string[],
  present: ReadonlySet<string>,
): string | undefined {
  const isFree = (candidate: string) => !present.has(keyOf(error, candidate));
  const absent = propertiesOf(titleOf(error)).filter(
    (candidate) => !hasProperty(error, candidate) && isFree(candidate),
  );
  for (const candidates of [missing.filter(isFree), absent]) {
    const [near] = nearNames(name, candidates);
    // `client_id` is not a misspelling of `id`, but it means the same.
    const meant = near ?? candidates.find((candidate) => words(name).endsWith(` ${words(candidate)}`));
    if (meant !== undefined) return meant;
  }
  return undefined;
}

function words(name: string): string {
  return name.replaceAll(/[-_.]|(?=[A-Z])/g, " ").toLowerCase();
}

function missingByPath(errors: readonly SchemaError[]): ReadonlyMap<string, readonly string[]> {
  const missing = new Map<string, string[]>();
  for (const error of errors.filter(isMissingProperty)) {
    const names = missing.get(error.instancePath) ?? [];
    names.push(missingNameOf(error));
    missing.set(error.instancePath, names);
  }
  return missing;
}

/** Joins misplaced properties of one object that belong in the same place, so that they are reported as one mistake. */
function groupedByPlace(misplaced: ReadonlyMap<SchemaError, CorrectPlace>): readonly RootCause[] {
  const groups = new Map<string, { error: SchemaError; correctPlace: CorrectPlace & { names: string[] } }>();
  for (const [error, place] of misplaced) {
    const key = `${error.instancePath} ${place.where}`;
    const name = unknownNameOf(error);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { error, correctPlace: { ...place, names: [name] } });
    else group.correctPlace.names.push(name);
  }
  return [...groups.values()];
}

/** Whether a property that is reported as missing is present under another name or in another place. */
function isPresentElsewhere(
  error: SchemaError,
  present: ReadonlySet<string>,
  misplacedPaths: ReadonlyMap<string, PathSet>,
): boolean {
  const name = missingNameOf(error);
  const isPresent = (other: string) => present.has(keyOf(error, other));
  // A key with a `signer` needs no `privateKey`.
  if (isPresent(name) || (error.parentSchema?.title === "PrivateKey" && isPresent("signer"))) return true;
  return misplacedPaths.get(name)?.isInLineWith(error.instancePath) ?? false;
}

/**
 * Returns, for each name that may be reported as missing, the objects that have a misplaced property of this name, or a
 * misplaced property that belongs inside of it.
 */
function pathsByName(misplaced: ReadonlyMap<SchemaError, CorrectPlace>): ReadonlyMap<string, PathSet> {
  const paths = new Map<string, PathSet>();
  for (const [error, { within }] of misplaced) {
    for (const name of new Set([unknownNameOf(error), ...within])) {
      const set = paths.get(name) ?? new PathSet();
      set.add(error.instancePath);
      paths.set(name, set);
    }
  }
  return paths;
}

/** A set of JSON pointers and of their ancestors. */
class PathSet {
  readonly #paths = new Set<string>();
  readonly #ancestors = new Set<string>();

  add(path: string): void {
    this.#paths.add(path);
    for (const ancestor of ancestorsOf(path)) this.#ancestors.add(ancestor);
  }

  /** Whether `path` is one of these paths, is inside of one, or contains one. */
  isInLineWith(path: string): boolean {
    if (this.#paths.has(path) || this.#ancestors.has(path)) return true;
    return ancestorsOf(path).some((ancestor) => this.#paths.has(ancestor));
  }
}

/**
 * Returns the ancestors of a pointer except the whole document, because a property at the top is not part of a server.
 */
function ancestorsOf(path: string): readonly string[] {
  const ends = [...path.matchAll(/(?!^)\//g)].map(({ index }) => index);
  return ends.map((end) => path.slice(0, end));
}

function keyOf({ instancePath }: SchemaError, name: string): string {
  return `${instancePath} ${name}`;
}

function titleOf({ parentSchema }: SchemaError): string {
  return parentSchema?.title ?? "";
}

function isUnknownProperty({ keyword }: SchemaError): boolean {
  return keyword === "additionalProperties";
}

export function unknownNameOf({ params }: SchemaError): string {
  return String(params.additionalProperty);
}

function isMissingProperty({ keyword }: SchemaError): boolean {
  return keyword === "required";
}

export function missingNameOf({ params }: SchemaError): string {
  return String(params.missingProperty);
}

function hasProperty({ data }: SchemaError, name: string): boolean {
  return typeof data === "object" && data !== null && Object.hasOwn(data, name);
}

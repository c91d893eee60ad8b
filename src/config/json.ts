/** The value of a config or of a part of it, whatever notation it was written in. Objects have no prototype. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** The property names and list indexes that lead from the config to a value in it. */
export type Path = readonly string[];

/**
 * A config with more values is refused. It is one value for each 16 bytes of the largest file; a server has about ten.
 */
export const maxValues = 2 ** 20;

/** A config with more levels is refused: recursive code could run out of stack, and Node may then end the process. */
export const maxDepth = 100;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Like `Array.isArray`, which would narrow to `any[]`. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}

/**
 * Removes the prototype of an object, so that it inherits no properties, and returns the object. A copy into
 * `Object.create(null)` would be a hash table, which takes twice the memory and several times the time to read.
 */
export function withoutPrototype<T extends object>(object: T): T {
  return Object.setPrototypeOf(object, null);
}

/** Returns an own property: a server may be called `constructor`. */
export function property(object: unknown, name: string): Json | undefined {
  return isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** Returns the properties of an object, and none for any other value. */
export function entries(value: Json | undefined): readonly (readonly [string, Json])[] {
  return isObject(value) ? Object.entries(value) : [];
}

/** Returns a property of an object or an item of a list, or `undefined` if there is none. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return isList(value) ? value[Number(name)] : property(value, name);
}

/** Returns the value at a path, or `undefined` if there is none. */
export function valueAt(value: Json | undefined, path: Path): Json | undefined {
  return path.reduce(member, value);
}

/** A value at a path; `undefined` removes what is there. */
export interface Change {
  readonly path: Path;
  readonly value: Json | undefined;
}

/** Returns a copy with the change, or the same value if it has nothing that could hold it. */
export function withChange(value: Json, { path: [name, ...rest], value: changed }: Change): Json {
  if (name === undefined) return changed ?? value;
  if (!isObject(value)) return value;
  const { [name]: previous, ...others } = value;
  if (rest.length > 0) {
    if (previous === undefined) return value;
    return withoutPrototype({ ...value, [name]: withChange(previous, { path: rest, value: changed }) });
  }
  return withoutPrototype(changed === undefined ? others : { ...value, [name]: changed });
}

/** Writes a path as a JSON pointer, RFC 6901 §3. */
export function toPointer(path: Path): string {
  return path.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Reads a JSON pointer, RFC 6901 §4. */
export function fromPointer(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

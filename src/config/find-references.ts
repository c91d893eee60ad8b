import { buildReference } from "./build-reference.js";
import type { SecretReference as ReferenceConfig } from "./exclusive-types.js";
import { fits } from "./fits-schema.js";
import { schema } from "./generated/plain-schema.js";
import { entries, isList, isObject, type Json, type Path } from "./json.js";
import type { SecretReference } from "./spec.js";

/** A reference of a config, with its place. */
export interface PlacedReference {
  readonly reference: SecretReference;
  readonly path: Path;
}

// Objects whose property names the user chooses, so that they may look like a reference.
const freeObjects: ReadonlySet<string | undefined> = new Set(["headers", "params"]);

/**
 * Returns all references of a config that has been interpolated, also of one with mistakes, in the order of the text.
 * Relative paths in them are relative to `folder`.
 */
export function findReferences(config: Json, folder: string): readonly PlacedReference[] {
  const found: PlacedReference[] = [];
  const visit = (value: Json, path: Path): void => {
    const [last, parent] = path.toReversed();
    if (last === "claims" && parent === "assertion") return;
    const isFree = freeObjects.has(last) && !freeObjects.has(parent);
    if (isObject(value) && !isFree && fits(value, "secretReference", schema)) {
      // The value has just been compared with the schema that the type is generated from.
      const reference = buildReference(value as unknown as ReferenceConfig, folder);
      found.push({ reference, path });
      return;
    }
    if (isList(value)) for (const [index, item] of value.entries()) visit(item, [...path, String(index)]);
    else for (const [name, inner] of entries(value)) visit(inner, [...path, name]);
  };
  visit(config, []);
  return found;
}

/** Returns a text that is equal for equal references. */
export function referenceKey(reference: SecretReference): string {
  return JSON.stringify(reference);
}

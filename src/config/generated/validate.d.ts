// Written by hand: the types of validate.js.
import type { SchemaError } from "../definitions.js";

/** Returns one error for each rule of the schema that the config violates. */
export declare function schemaErrors(data: unknown): readonly SchemaError[];

// Written by hand: the types of validate.js.
import type { SchemaError } from "../definitions.js";

export declare const validate: {
  (data: unknown): boolean;
  errors?: readonly SchemaError[] | null;
};

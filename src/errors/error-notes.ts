import { McpAuthError } from "./error.js";

/**
 * Notes about errors for our own code. They are kept beside the errors and not in them, so that users of the package do
 * not see them.
 */
export interface ErrorNotes<T> {
  /** Attaches a note to an error, and returns the error. */
  add(error: McpAuthError, note: T): McpAuthError;
  /** Returns the note about an error; `undefined` for an error without one, and for any other value. */
  of(error: unknown): T | undefined;
}

export function errorNotes<T>(): ErrorNotes<T> {
  const notes = new WeakMap<McpAuthError, T>();
  return {
    add(error, note) {
      notes.set(error, note);
      return error;
    },
    of: (error) => (error instanceof McpAuthError ? notes.get(error) : undefined),
  };
}

/** A note that is either there or not, kept like `ErrorNotes`. */
export interface ErrorMark {
  /** Marks an error, and returns it. */
  mark(error: McpAuthError): McpAuthError;
  has(error: unknown): boolean;
}

export function errorMark(): ErrorMark {
  const notes = errorNotes<true>();
  return {
    mark: (error) => notes.add(error, true),
    has: (error) => notes.of(error) === true,
  };
}

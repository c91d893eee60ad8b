import { McpAuthError } from "../../src/errors/error.js";

/** Returns the `McpAuthError` that a promise rejects with. Throws if it resolves or rejects with anything else. */
export async function rejectionOf(promise: Promise<unknown>): Promise<McpAuthError> {
  const error: unknown = await promise.then(
    (value) => new Error(`The promise resolved: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof McpAuthError) return error;
  throw error;
}

import { McpAuthError } from "../../src/errors/error.js";

/** What a promise rejects with, which must be ours. */
export async function failure(promise: Promise<unknown>): Promise<McpAuthError> {
  const error: unknown = await promise.then(
    (value) => new Error(`It resolved: ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof McpAuthError) return error;
  throw error;
}

import { inspect } from "node:util";
import { expect } from "vitest";
import type { SecretReference } from "../../../src/config/spec.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { readSecret, type SecretContext } from "../../../src/secrets/read-secret.js";

/** Returns the error of a read for the server `crm`, and asserts that it does not show the word `canary`. */
export async function readFailureOf(
  reference: SecretReference,
  context: Omit<SecretContext, "server">,
): Promise<McpAuthError> {
  const error: unknown = await readSecret(reference, { server: "crm", ...context }).catch(
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof McpAuthError)) throw new Error("expected a McpAuthError");
  expect(error.server).toBe("crm");
  expect(error.cause).toBeUndefined();
  const shown = [error.message, String(error.stack), JSON.stringify(error), inspect(error, { depth: null })];
  expect(shown.join("\n")).not.toContain("canary");
  return error;
}

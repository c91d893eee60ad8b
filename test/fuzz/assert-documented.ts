import { inspect } from "node:util";
import { McpAuthError, type McpAuthErrorCode } from "../../src/errors/error.js";
import { canary } from "./garbage.js";

/** Asserts that an error has one of these codes, and shows no planted text. */
export function assertDocumented(
  error: unknown,
  codes: readonly McpAuthErrorCode[],
  planted: readonly string[] = [canary],
): asserts error is McpAuthError {
  if (!(error instanceof McpAuthError)) throw error;
  if (!codes.includes(error.code)) throw new Error(`The error has the code ${error.code}: ${error.message}`);
  if (error.cause !== undefined) throw new Error("The error has a cause.");
  assertSilent(
    `${error.message}\n${error.stack}\n${inspect(error, { depth: 9 })}\n${JSON.stringify(error)}`,
    planted,
  );
}

/** Asserts that a text contains no planted text. */
export function assertSilent(shown: string, planted: readonly string[] = [canary]): void {
  const found = planted.find((secret) => secret !== "" && shown.includes(secret));
  if (found !== undefined) throw new Error(`The text shows ${JSON.stringify(found)}: ${shown.slice(0, 500)}`);
}

/** Returns the value of some work, or the error that it throws. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

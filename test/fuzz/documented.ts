import { inspect } from "node:util";
import { McpAuthError, type McpAuthErrorCode } from "../../src/errors/error.js";
import { canary } from "./garbage.js";

/** That a failure is one of those that are documented, and shows nothing that was planted. */
export function assertDocumented(
  error: unknown,
  codes: readonly McpAuthErrorCode[],
  planted: readonly string[] = [canary],
): asserts error is McpAuthError {
  if (!(error instanceof McpAuthError)) throw error;
  if (!codes.includes(error.code)) throw new Error(`It has the code ${error.code}: ${error.message}`);
  if (error.cause !== undefined) throw new Error("It has a cause.");
  assertSilent(
    `${error.message}\n${error.stack}\n${inspect(error, { depth: 9 })}\n${JSON.stringify(error)}`,
    planted,
  );
}

/** That a text shows nothing that was planted. */
export function assertSilent(shown: string, planted: readonly string[] = [canary]): void {
  const found = planted.find((secret) => secret !== "" && shown.includes(secret));
  if (found !== undefined) throw new Error(`It shows ${JSON.stringify(found)}: ${shown.slice(0, 500)}`);
}

/** What some work gives, or what it throws. */
export async function outcomeOf<T>(work: () => T | Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

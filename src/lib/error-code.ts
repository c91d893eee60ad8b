/** Returns the `code` of an error of Node or of the operating system, such as `ENOENT`; `undefined` if it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Returns whether an error has one of these codes. */
export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}

/**
 * Ignores an error of the operating system, such as `ENOENT`. Throws any other error again, because that is a mistake
 * in the program.
 */
export function ignoreSystemError(error: unknown): void {
  // The codes of Node's own errors, such as `ERR_INVALID_ARG_TYPE`, begin with `ERR_`.
  if (!/^E(?!RR_)/.test(errorCode(error) ?? "")) throw error;
}

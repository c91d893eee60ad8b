import { McpAuthError } from "../errors/error.js";
import { findingsIn } from "../errors/findings.js";
import { isTlsErrorCode } from "../lib/tls.js";
import { unreachableAdvice } from "./connect-advice.js";
import { type Connection, connectionOf, isConnectError } from "./connection.js";
import type { Failure } from "./failure.js";
import { tlsAdvice } from "./tls-advice.js";

/** Codes of failures to connect: the server has received nothing. */
const connectFailures: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
]);

/**
 * Returns the failure for a rejected `fetch`: `tls_failed`, which is permanent, or `unavailable`, which is retryable.
 * Only the code of the error is shown, because its text may contain anything. Our own errors, such as those of
 * `Network`, keep their code and message.
 */
export function networkFailure(
  error: unknown,
  target: string,
  connection: Connection | undefined = connectionOf(error),
): Failure {
  if (error instanceof McpAuthError) {
    const { code, message, retryable } = error;
    const detail = message.charAt(0).toLowerCase() + message.slice(1);
    const finding = findingsIn(error)[0];
    // Only the proxy fails with this code. All other errors of our own stop a request before it is sent.
    const ofProxy = code === "unavailable" && { advice: message, brief: "could not be reached" };
    return { code, detail, retryable, finding, ...ofProxy };
  }
  const causes = causesOf(error);
  const codes = causes.flatMap((cause) => codeOf(cause) ?? []);
  const tls = codes.find((code) => isTlsErrorCode(code) || code === "EPROTO");
  if (tls !== undefined) {
    const { id, text } = tlsAdvice(tls, connection);
    const brief = `could not be reached over trusted TLS (${tls})`;
    const detail = `could not open a trusted TLS connection to ${target} (${tls}). ${text}`;
    return { code: "tls_failed", detail, finding: id, advice: text, brief, neverArrived: true };
  }
  const { id, text } = unreachableAdvice({
    codes,
    connection,
    addresses: causes.flatMap((cause) => addressOf(cause) ?? []),
    isConnectError: causes.some(isConnectError),
  });
  const brief = `could not be reached (${codes[0] ?? "network error"})`;
  const detail = `${target} ${brief}. ${text}`;
  const neverArrived = codes.length > 0 && codes.every((code) => connectFailures.has(code));
  return {
    code: "unavailable",
    detail,
    finding: id,
    advice: text,
    brief,
    systemCode: codes[0],
    retryable: true,
    neverArrived,
  };
}

/** Returns whether an error, or one of its causes, is a failure of TLS. */
export function isTlsFailure(error: unknown): boolean {
  return causesOf(error).some((cause) => isTlsErrorCode(codeOf(cause) ?? ""));
}

/**
 * Returns an error and its causes. `fetch` puts the reason into `cause`, and the errors of several addresses into
 * `errors`.
 */
function causesOf(error: unknown, depth = 0): readonly object[] {
  if (depth > 4 || typeof error !== "object" || error === null) return [];
  const causes = [error];
  if ("cause" in error) causes.push(...causesOf(error.cause, depth + 1));
  if ("errors" in error && Array.isArray(error.errors)) {
    for (const inner of error.errors.slice(0, 8)) causes.push(...causesOf(inner, depth + 1));
  }
  return causes;
}

/** Returns the code of one error. Codes from OpenSSL may have a slash, as in `SSL/TLS_ALERT`. */
function codeOf(error: object): string | undefined {
  if (!("code" in error) || typeof error.code !== "string") return undefined;
  return /^[A-Z][A-Z0-9_/]{1,63}$/.test(error.code) ? error.code : undefined;
}

/** Returns the address that Node tried to connect to. */
function addressOf(error: object): string | undefined {
  return "address" in error && typeof error.address === "string" ? error.address : undefined;
}

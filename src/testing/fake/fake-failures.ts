import { McpAuthError } from "../../errors/error.js";

/** The codes of the failures that a fake can produce, each in the way in which it arises in production. */
const failures = [
  "unavailable",
  "timeout",
  "tls_failed",
  "token_request_rejected",
  "token_response_invalid",
  "secret_unavailable",
  "insufficient_scope",
] as const;

/**
 * - `unavailable`: the authorization server answers 503.
 * - `timeout`: it does not answer in time. The error comes at once.
 * - `tls_failed`: its certificate is not trusted.
 * - `token_request_rejected`: it refuses the client with `invalid_client`.
 * - `token_response_invalid`: its response has no token.
 * - `secret_unavailable`: the variable with the client's secret is not set.
 * - `insufficient_scope`: the MCP server wants a scope that the config does not allow. Token requests succeed.
 */
export type FakeFailure = (typeof failures)[number];

/** Throws `config_invalid` for any other code. */
export function assertFailure(code: unknown): asserts code is FakeFailure {
  if (failures.some((known) => known === code)) return;
  throw new McpAuthError(
    "config_invalid",
    `A fake can only fail with one of these codes: ${failures.join(", ")}.`,
  );
}

/** Returns how the token endpoint answers, `undefined` if it issues a token. Throws as a `fetch` that fails. */
export function tokenFailure(failure: FakeFailure, issuer: string): Response | undefined {
  switch (failure) {
    case "unavailable":
      return new Response(null, { status: 503 });
    case "token_request_rejected":
      return Response.json({ error: "invalid_client" }, { status: 401 });
    case "token_response_invalid":
      return Response.json({});
    case "tls_failed":
      throw new TypeError("fetch failed", {
        cause: Object.assign(new Error("self-signed certificate"), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
      });
    case "timeout":
      // The text of a real timeout, without the wait for it.
      throw new McpAuthError(
        "timeout",
        `The token endpoint of ${issuer} (${issuer}/token) did not answer within 10000 ms. Try again, or raise ` +
          '"timeout" in the config.',
        { retryable: true },
      );
    default:
      return undefined;
  }
}

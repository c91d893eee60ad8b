import type { JsonObject } from "../../lib/json-object.js";

/**
 * The error codes of RFC 6749 and of the IANA registry "OAuth Extensions Error" that a client without a browser can
 * receive. Any other `error` is text that a server chose, and does not belong in a message.
 */
const registered: ReadonlySet<string> = new Set([
  // RFC 6749 §5.2, and codes of §4.1.2.1 that servers send from the token endpoint too.
  ...["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"],
  ...["invalid_scope", "access_denied", "server_error", "temporarily_unavailable"],
  // RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5 and §8, RFC 9470 §3.
  ...["invalid_token", "insufficient_scope", "unsupported_token_type", "invalid_target"],
  ...["invalid_authorization_details", "invalid_dpop_proof", "use_dpop_nonce"],
  "insufficient_user_authentication",
  // RFC 7591 §3.2.2. Servers send them for a client whose registration is wrong.
  ...["invalid_redirect_uri", "invalid_client_metadata", "invalid_software_statement"],
  "unapproved_software_statement",
  // RFC 8628 §3.5, RFC 9101 §6 and OpenID Connect CIBA §11 and §13.
  ...["authorization_pending", "slow_down", "expired_token", "invalid_request_uri", "invalid_request_object"],
  ...["expired_login_hint_token", "unknown_user_id", "missing_user_code", "invalid_user_code"],
  ...["invalid_binding_message", "transaction_failed"],
  // OpenID Connect Core §3.1.2.6, OpenID Connect unmet authentication requirements, UMA 2.0 §3.3.6, RFC 9200 §5.8.3.
  ...["interaction_required", "login_required", "account_selection_required", "consent_required"],
  ...["unmet_authentication_requirements", "need_info", "request_denied", "request_submitted"],
  ...["unsupported_pop_key", "incompatible_ace_profiles"],
]);

/**
 * Returns the `error` of a response body (RFC 6749 §5.2) if it is a registered code, and `undefined` for anything else.
 */
export function registeredError(error: unknown): string | undefined {
  return typeof error === "string" && registered.has(error) ? error : undefined;
}

/** Returns the numbers in `error_codes`, which Entra ID sends, at most three of them. */
export function errorCodesIn(members: JsonObject | undefined): readonly number[] {
  const codes = members?.["error_codes"];
  if (!Array.isArray(codes)) return [];
  const isCode = (code: unknown): code is number => Number.isSafeInteger(code) && Number(code) > 0;
  return codes.filter(isCode).slice(0, 3);
}

/** Returns the members of a response body that describe its error, for the `details` of a `McpAuthError`. */
export function errorFields(members: JsonObject | undefined): Readonly<Record<string, unknown>> {
  const { error, error_description, error_uri } = members ?? {};
  // A registered code is in `oauthError` already.
  return { error: registeredError(error) === undefined ? error : undefined, error_description, error_uri };
}

import type { JsonObject } from "../../lib/json-object.js";

/**
 * The codes of the IANA registry "OAuth Extensions Error" and of RFC 6749 itself, as far as a client without a browser
 * can meet them. Any other text in their place is a server's own.
 */
const registered: ReadonlySet<string> = new Set([
  // RFC 6749 §5.2, and those of §4.1.2.1 that servers use here as well.
  ...["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"],
  ...["invalid_scope", "access_denied", "server_error", "temporarily_unavailable"],
  // RFC 6750 §3.1, RFC 7009 §2.2.1, RFC 8707 §2, RFC 9396 §5, RFC 9449 §5 and §8, RFC 9470 §3.
  ...["invalid_token", "insufficient_scope", "unsupported_token_type", "invalid_target"],
  ...["invalid_authorization_details", "invalid_dpop_proof", "use_dpop_nonce"],
  "insufficient_user_authentication",
  // RFC 7591 §3.2.2, which servers use for clients that are not registered as they should be.
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

/** The `error` of a response body (RFC 6749 §5.2) if it is a registered code; `undefined` for anything else. */
export function registeredError(error: unknown): string | undefined {
  return typeof error === "string" && registered.has(error) ? error : undefined;
}

/** What a response says of its error, for the `details` of ours. */
export function saidInError(members: JsonObject | undefined): Readonly<Record<string, unknown>> {
  const { error, error_description, error_uri } = members ?? {};
  // One that is registered is in the error itself.
  return { error: registeredError(error) === undefined ? error : undefined, error_description, error_uri };
}

import type { McpAuthErrorCode } from "../errors/error.js";

export const exitCodes = {
  done: 0,
  internal: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

/** What an exit code means, for people. */
export const exitCodeMeanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.done, "done"],
  [exitCodes.internal, "internal error, or the result could not be written"],
  [exitCodes.usage, "wrong usage, config, secret, key or URL"],
  [exitCodes.refused, "refused by a server"],
  [exitCodes.unreachable, "server not reachable: network, timeout, TLS"],
  [exitCodes.interrupted, "interrupted"],
];

const byCode: Record<McpAuthErrorCode, number> = {
  config_not_found: exitCodes.usage,
  config_invalid: exitCodes.usage,
  secret_unavailable: exitCodes.usage,
  key_invalid: exitCodes.usage,
  signer_unavailable: exitCodes.usage,
  unknown_server: exitCodes.usage,
  insecure_url: exitCodes.usage,
  egress_denied: exitCodes.usage,
  sender_constrained: exitCodes.usage,
  discovery_failed: exitCodes.refused,
  issuer_mismatch: exitCodes.refused,
  resource_mismatch: exitCodes.refused,
  unsupported_by_server: exitCodes.refused,
  token_request_rejected: exitCodes.refused,
  token_response_invalid: exitCodes.refused,
  unauthorized: exitCodes.refused,
  insufficient_scope: exitCodes.refused,
  unavailable: exitCodes.unreachable,
  tls_failed: exitCodes.unreachable,
  timeout: exitCodes.unreachable,
  store_unavailable: exitCodes.unreachable,
  aborted: exitCodes.interrupted,
  stopped: exitCodes.interrupted,
};

/** Returns the exit code of a command that fails with an error code. */
export function exitCodeOf(code: McpAuthErrorCode): number {
  return byCode[code];
}

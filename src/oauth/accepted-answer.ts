import { McpAuthError } from "../errors/error.js";
import { isWholeJson, type JsonObject, parseJsonObject } from "../lib/json-object.js";
import { isJson } from "../net/media-type.js";
import { parseRetryAfter } from "../net/retry-after.js";
import type { TokenEndpoint } from "./token-endpoint.js";
import { oauthErrorCode, tokenRejection } from "./token-rejection.js";
import type { TokenAnswer } from "./token-request.js";

/** Makes the error for an answer that cannot be used. */
export type Invalid = (problem: string) => McpAuthError;

/** An answer that grants something, its members not looked at yet. */
export interface Accepted {
  readonly members: JsonObject;
  readonly invalid: Invalid;
}

/**
 * Whether the answer of a token endpoint grants what was asked for, RFC 6749 §5. Throws `token_request_rejected`,
 * `unavailable` (retryable) or `token_response_invalid`, retryable for what is no JSON at all: that is a server or a proxy
 * in trouble, and not what an authorization server means to say.
 */
export function acceptedAnswer(
  answer: Pick<TokenAnswer, "response">,
  endpoint: TokenEndpoint,
  now: number,
): Accepted {
  const { status, headers, body } = answer.response;
  const members = parseJsonObject(body);
  const oauthError = oauthErrorCode(members?.["error"]);
  // Some servers answer 200 to what they refuse.
  const disguised = oauthError !== undefined && members?.["access_token"] === undefined;
  if (status < 200 || status >= 300 || disguised) {
    const retryAfter = parseRetryAfter(headers.get("retry-after"), now);
    throw tokenRejection(endpoint, { status, oauthError, retryAfter });
  }
  const { server, name } = endpoint;
  const invalid: Invalid = (problem) =>
    new McpAuthError(
      "token_response_invalid",
      `Server "${server}": the answer of ${name} cannot be used: ${problem}`,
      { server, retryable: members === undefined && !isWholeJson(body) },
    );
  if (body === "") throw invalid("it is empty.");
  if (!isJson(headers.get("content-type"))) throw invalid("its content type is not application/json.");
  if (members === undefined) throw invalid("it is not a JSON object.");
  return { members, invalid };
}

import type { TokenEndpoint } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import { rememberShortLived } from "../../errors/sent-credentials.js";
import { isWholeJson, type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import { isJson } from "../../net/media-type.js";
import { parseRetryAfter } from "../../net/retry.js";
import { registeredError, saidInError } from "./oauth-error.js";
import { tokenRejection } from "./token-rejection.js";
import type { TokenAnswer } from "./token-request.js";

/** Makes the error for an answer that cannot be used; `said` is what of it cannot. */
export type Invalid = (problem: string, said?: Readonly<Record<string, unknown>>) => McpAuthError;

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
  const { error, access_token, refresh_token, id_token } = members ?? {};
  // Whatever becomes of the answer: what it issues may be quoted beside it.
  for (const issued of [access_token, refresh_token, id_token]) {
    if (typeof issued === "string") rememberShortLived(issued);
  }
  const oauthError = registeredError(error);
  // Some servers answer 200 to what they refuse.
  const disguised = typeof error === "string" && error !== "" && access_token === undefined;
  if (status < 200 || status >= 300 || disguised) {
    const retryAfter = parseRetryAfter(headers.get("retry-after"), now, headers.get("date"));
    const said = { ...saidInError(members), location: headers.get("location") };
    throw tokenRejection(endpoint, { status, oauthError, retryAfter, said });
  }
  const { server, name, learnedUrl } = endpoint;
  const invalid: Invalid = (problem, said) =>
    new McpAuthError(
      "token_response_invalid",
      `Server "${server}": the answer of ${name} cannot be used: ${problem}`,
      {
        server,
        retryable: members === undefined && !isWholeJson(body),
        details: { ...said, token_endpoint: learnedUrl },
      },
    );
  if (body === "") throw invalid("it is empty.");
  const contentType = headers.get("content-type");
  if (!isJson(contentType)) {
    throw invalid("its content type is not application/json.", { "content-type": contentType });
  }
  if (members === undefined) throw invalid("it is not a JSON object.");
  return { members, invalid };
}

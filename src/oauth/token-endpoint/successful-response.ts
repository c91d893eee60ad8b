import type { TokenEndpoint } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import { noteFindings } from "../../errors/findings.js";
import { rememberShortLived } from "../../errors/sent-credentials.js";
import { isWholeJson, type JsonObject, parseJsonObject } from "../../lib/json-object.js";
import { isJson } from "../../net/response-headers.js";
import { readErrorResponse } from "./error-response.js";
import { tokenRejection } from "./token-rejection.js";
import type { TokenRequestResult } from "./token-request.js";

/** Creates the `token_response_invalid` error for a response. `details` holds the members that are wrong. */
export type InvalidResponse = (problem: string, details?: Readonly<Record<string, unknown>>) => McpAuthError;

/** A successful response. Its members are not validated yet. */
export interface SuccessfulResponse {
  readonly members: JsonObject;
  readonly invalid: InvalidResponse;
  /** Like `invalid`, for a response that something else seems to have sent. The problem has no period. */
  readonly elsewhere: (problem: string) => Promise<McpAuthError>;
}

/**
 * Returns the members of a successful token response, RFC 6749 §5. Rejects with `token_request_rejected`, `unavailable`
 * (retryable) or `token_response_invalid`. The last is retryable if the body is not complete JSON: a proxy or a failing
 * server sent it, not the authorization server.
 */
export async function readSuccessfulResponse(
  result: Pick<TokenRequestResult, "response">,
  endpoint: TokenEndpoint,
  now: number,
): Promise<SuccessfulResponse> {
  const { status, headers, body } = result.response;
  const members = parseJsonObject(body);
  const { error, access_token, refresh_token, id_token } = members ?? {};
  // Also for a response that is rejected below: its other members may quote these tokens.
  for (const issued of [access_token, refresh_token, id_token]) {
    if (typeof issued === "string") rememberShortLived(issued);
  }
  // Some servers send an error with status 200.
  const isErrorWith200 = typeof error === "string" && error !== "" && access_token === undefined;
  if (status < 200 || status >= 300 || isErrorWith200) {
    throw await tokenRejection(endpoint, readErrorResponse(result.response, now, members));
  }
  const { server, name, url } = endpoint;
  const elsewhere = async (problem: string, details?: Readonly<Record<string, unknown>>) => {
    const { wrongResponder } = await import("../../diagnosis/token-request/endpoint.js");
    const { id, remedy } = wrongResponder(endpoint);
    return noteFindings(invalid(`${problem} (HTTP ${status}). ${remedy}`, details), [id]);
  };
  const invalid: InvalidResponse = (problem, details) =>
    new McpAuthError(
      "token_response_invalid",
      `Server "${server}": the response of ${name} cannot be used: ${problem}`,
      {
        server,
        retryable: members === undefined && !isWholeJson(body),
        details: { ...details, token_endpoint: url },
      },
    );
  if (body === "") throw await elsewhere("it is empty");
  const contentType = headers.get("content-type");
  if (!isJson(contentType)) {
    const problem = "its content type is not application/json";
    const type = { "content-type": contentType };
    if (members === undefined) throw await elsewhere(problem, type);
    throw invalid(`${problem}. Tell the operator of the server.`, type);
  }
  if (members === undefined) throw await elsewhere("it is not a JSON object");
  return { members, invalid, elsewhere };
}

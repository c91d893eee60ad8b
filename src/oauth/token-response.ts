import { McpAuthError } from "../errors/error.js";
import { isJson } from "../net/media-type.js";
import { parseRetryAfter } from "../net/retry-after.js";
import { isHeaderSafe } from "./access-token.js";
import type { IssuedToken } from "./grant.js";
import type { TokenEndpoint } from "./token-endpoint.js";
import { oauthErrorCode, tokenRejection } from "./token-rejection.js";
import type { TokenAnswer } from "./token-request.js";

type JsonObject = Readonly<Record<string, unknown>>;

/** Ten years, in seconds: what is beyond is a mistake, and would overflow what counts in milliseconds. */
const longestLifetime = 315_360_000;

/**
 * Judges the answer of a token endpoint, RFC 6749 §5. Members that a machine client has no use for (`id_token`,
 * `refresh_token`) are not looked at. `asked` are the scopes granted when the answer does not say.
 *
 * Throws `token_request_rejected`, `unavailable` (retryable) or `token_response_invalid`.
 */
export function readTokenResponse(
  answer: TokenAnswer,
  endpoint: TokenEndpoint,
  asked: readonly string[],
  now: number,
): Pick<IssuedToken, "accessToken" | "tokenType" | "expiresIn" | "scopes"> {
  const { status, headers, body } = answer.response;
  const json = parseObject(body);
  const { error, access_token, token_type, expires_in, scope } = json ?? {};
  const oauthError = oauthErrorCode(error);
  // Some servers answer 200 to what they refuse.
  const refused = status < 200 || status >= 300 || (oauthError !== undefined && access_token === undefined);
  if (refused) {
    const retryAfter = parseRetryAfter(headers.get("retry-after"), now);
    throw tokenRejection(endpoint, { status, oauthError, retryAfter });
  }
  const invalid = (problem: string): McpAuthError =>
    new McpAuthError(
      "token_response_invalid",
      `Server "${endpoint.server}": the answer of the token endpoint at ${endpoint.host} cannot be used: ${problem}`,
      { server: endpoint.server },
    );
  if (body === "") throw invalid("it is empty.");
  if (!isJson(headers.get("content-type"))) throw invalid("its content type is not application/json.");
  if (json === undefined) throw invalid("it is not a JSON object.");
  const expiresIn = lifetime(expires_in);
  return {
    accessToken: accessToken(access_token, invalid),
    tokenType: tokenType(token_type, invalid),
    ...(expiresIn === undefined ? {} : { expiresIn }),
    scopes: grantedScopes(scope) ?? asked,
  };
}

type Invalid = (problem: string) => McpAuthError;

function accessToken(value: unknown, invalid: Invalid): string {
  if (typeof value !== "string" || value === "") throw invalid('it has no "access_token".');
  if (!isHeaderSafe(value)) throw invalid('its "access_token" has characters that cannot stand in a header.');
  return value;
}

function tokenType(value: unknown, invalid: Invalid): "Bearer" {
  if (typeof value !== "string") throw invalid('it has no "token_type".');
  const type = value.toLowerCase();
  if (type === "bearer") return "Bearer";
  if (type === "dpop") throw invalid('its "token_type" is DPoP, but none was asked for.');
  throw invalid('its "token_type" is not Bearer.');
}

/** Seconds; `undefined` when there is nothing that could be a number. What is negative has expired already. */
function lifetime(value: unknown): number | undefined {
  const isNumeric = typeof value === "string" && /^\s*-?\d{1,32}(\.\d{1,32})?\s*$/.test(value);
  const seconds = isNumeric ? Number(value) : value;
  if (typeof seconds !== "number" || Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(seconds, 0), longestLifetime);
}

/** RFC 6749 §3.3. Names that the grammar does not allow are left out. */
function grantedScopes(value: unknown): readonly string[] | undefined {
  if (typeof value !== "string") return undefined;
  const names = value.split(" ").filter((name) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(name));
  return [...new Set(names)];
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    // An object that is neither null nor an array; its members are looked at one by one.
    return isObject ? (value as JsonObject) : undefined;
  } catch {
    // The error quotes the text, in which there may be a token.
    return undefined;
  }
}

import type { TokenEndpoint } from "../../diagnosis/facts.js";
import { longestLifetime } from "../../lib/duration.js";
import { isScope } from "../../lib/scope.js";
import type { IssuedToken } from "../grants/issued-token.js";
import { acceptedAnswer, type Invalid } from "./accepted-response.js";
import { bindingOf } from "./bound-token.js";
import { isHeaderSafe } from "./header-safe.js";
import type { TokenAnswer } from "./token-request.js";

/** Token types, RFC 8693 §3. */
export interface WantedTypes {
  /** Those that can be used; absent for a grant whose answers name none. */
  readonly issuedTypes?: readonly string[];
  /** The one among them that was asked for by its name. */
  readonly requestedType?: string | undefined;
}

/**
 * Judges the answer of a token endpoint that was asked for an access token. Members that a machine client has no use
 * for (`id_token`, `refresh_token`) are not looked at. With `issuedTypes`, an answer that names another
 * `issued_token_type` is refused; one that names none has brought what the grant is for (RFC 8693 §2.2.1 wants one).
 *
 * Throws what `acceptedAnswer` does.
 */
export function readTokenResponse(
  answer: Pick<TokenAnswer, "response" | "scopes" | "dpopSigner" | "certificate">,
  endpoint: TokenEndpoint,
  now: number,
  wanted: WantedTypes = {},
): Pick<IssuedToken, "accessToken" | "tokenType" | "expiresIn" | "scopes" | "binding"> {
  const { members, invalid } = acceptedAnswer(answer, endpoint, now);
  const { access_token, token_type, expires_in, scope, issued_token_type } = members;
  const { issuedTypes, requestedType } = wanted;
  if (issuedTypes !== undefined) assertIssuedType(issued_token_type, issuedTypes, invalid);
  const token = accessToken(access_token, invalid);
  const isAsRequested = requestedType !== undefined && issued_token_type === requestedType;
  const type = tokenType(token_type, { ...answer, isAsRequested }, invalid);
  const binding = bindingOf(token, answer, invalid);
  const expiresIn = lifetime(expires_in);
  return {
    accessToken: token,
    tokenType: type,
    ...(expiresIn === undefined ? {} : { expiresIn }),
    scopes: grantedScopes(scope) ?? answer.scopes,
    ...(binding && { binding }),
  };
}

function assertIssuedType(value: unknown, types: readonly string[], invalid: Invalid): void {
  if (value === undefined || value === null) return;
  if (typeof value === "string" && types.includes(value)) return;
  throw invalid(
    'its "issued_token_type" says that it is no access token. Set the grant\'s "requestedType" to what the MCP server takes.',
    { issued_token_type: value },
  );
}

function accessToken(value: unknown, invalid: Invalid): string {
  if (typeof value !== "string" || value === "") throw invalid('it has no "access_token".');
  if (!isHeaderSafe(value)) throw invalid('its "access_token" has characters that cannot stand in a header.');
  return value;
}

function tokenType(
  value: unknown,
  { dpopSigner, isAsRequested }: Pick<TokenAnswer, "dpopSigner"> & { readonly isAsRequested: boolean },
  invalid: Invalid,
): IssuedToken["tokenType"] {
  if (typeof value !== "string") throw invalid('it has no "token_type".');
  const isBound = dpopSigner !== undefined;
  switch (value.toLowerCase()) {
    case "bearer":
      if (!isBound) return "Bearer";
      throw invalid(
        'its "token_type" is Bearer, although the request had a DPoP proof: the token would work for whoever has it. ' +
          'Have DPoP switched on for this client there, or leave "dpop" out of the server.',
      );
    case "dpop":
      if (isBound) return "DPoP";
      throw invalid('its "token_type" is DPoP, but none was asked for.');
    case "n_a":
      // RFC 8693 §2.2.1: what was issued is no access token. The config has asked for it all the same.
      if (isAsRequested && !isBound) return "Bearer";
      throw invalid('its "token_type" is N_A, which says that it is no access token.');
    default:
      throw invalid(`its "token_type" is not ${isBound ? "DPoP" : "Bearer"}.`, { token_type: value });
  }
}

/** Seconds; `undefined` when there is nothing that could be a number. What is negative has expired already. */
function lifetime(value: unknown): number | undefined {
  const isNumeric = typeof value === "string" && /^\s*-?\d{1,32}(\.\d{1,32})?\s*$/.test(value);
  const seconds = isNumeric ? Number(value) : value;
  if (typeof seconds !== "number" || Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(seconds, 0), longestLifetime);
}

/** RFC 6749 §3.3, each once; `undefined` when the answer does not say. Names that the grammar does not allow are left out. */
export function grantedScopes(value: unknown): readonly string[] | undefined {
  if (typeof value !== "string") return undefined;
  return [...new Set(value.split(" ").filter(isScope))];
}

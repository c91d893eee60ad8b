import type { TokenEndpoint } from "../../diagnosis/facts.js";
import { longestLifetime } from "../../lib/duration.js";
import { isScope } from "../../lib/scopes.js";
import type { IssuedToken } from "../issued-token.js";
import { isHeaderSafe } from "./header-safe.js";
import { type InvalidResponse, readSuccessfulResponse } from "./successful-response.js";
import { bindingOf } from "./token-binding.js";
import type { TokenRequestResult } from "./token-request.js";

/** Token type identifiers, RFC 8693 §3. */
export interface ExpectedTypes {
  /** The acceptable types. Absent for a grant whose responses have no `issued_token_type`. */
  readonly issuedTypes?: readonly string[];
  /** The type that the request named. */
  readonly requestedType?: string | undefined;
}

/**
 * Validates the response to a request for an access token, and returns the token. Ignores members that a machine client
 * does not use (`id_token`, `refresh_token`). With `issuedTypes`, refuses a response with another `issued_token_type`,
 * but accepts one without it, although RFC 8693 §2.2.1 requires it.
 *
 * Rejects with the codes of `readSuccessfulResponse`.
 */
export async function readTokenResponse(
  result: Pick<TokenRequestResult, "response" | "scopes" | "dpopSigner" | "certificate">,
  endpoint: TokenEndpoint,
  now: number,
  expected: ExpectedTypes = {},
): Promise<Pick<IssuedToken, "accessToken" | "tokenType" | "expiresIn" | "scopes" | "binding">> {
  const { members, invalid, elsewhere } = await readSuccessfulResponse(result, endpoint, now);
  const { access_token, token_type, expires_in, scope, issued_token_type } = members;
  const { issuedTypes, requestedType } = expected;
  if (issuedTypes !== undefined) assertIssuedType(issued_token_type, issuedTypes, invalid);
  // A token response has at least one of them.
  if (access_token === undefined && token_type === undefined && members["id_token"] === undefined)
    throw await elsewhere('it has no "access_token".');
  const token = accessToken(access_token, invalid);
  const isAsRequested = requestedType !== undefined && issued_token_type === requestedType;
  const type = tokenType(token_type, { ...result, isAsRequested }, invalid);
  const binding = bindingOf(token, result, invalid);
  const expiresIn = lifetime(expires_in);
  return {
    accessToken: token,
    tokenType: type,
    ...(expiresIn === undefined ? {} : { expiresIn }),
    scopes: grantedScopes(scope) ?? result.scopes,
    ...(binding && { binding }),
  };
}

function assertIssuedType(value: unknown, types: readonly string[], invalid: InvalidResponse): void {
  if (value === undefined || value === null) return;
  if (typeof value === "string" && types.includes(value)) return;
  throw invalid(
    'its "issued_token_type" is not that of an access token. Set the grant\'s "requestedType" to the type that the MCP ' +
      "server accepts.",
    { issued_token_type: value },
  );
}

function accessToken(value: unknown, invalid: InvalidResponse): string {
  if (typeof value !== "string" || value === "") throw invalid('it has no "access_token".');
  if (!isHeaderSafe(value))
    throw invalid('its "access_token" has characters that cannot be sent in a header.');
  return value;
}

function tokenType(
  value: unknown,
  { dpopSigner, isAsRequested }: Pick<TokenRequestResult, "dpopSigner"> & { readonly isAsRequested: boolean },
  invalid: InvalidResponse,
): IssuedToken["tokenType"] {
  if (typeof value !== "string")
    throw invalid('it has no "token_type", which RFC 6749 §5.1 requires. Tell the operator of the server.');
  const isDpop = dpopSigner !== undefined;
  switch (value.toLowerCase()) {
    case "bearer":
      if (!isDpop) return "Bearer";
      throw invalid(
        'its "token_type" is Bearer, although the request had a DPoP proof: the token would not be bound to the key. ' +
          'Enable DPoP for this client at the authorization server, or remove "dpop" from the server.',
      );
    case "dpop":
      if (isDpop) return "DPoP";
      throw invalid('its "token_type" is DPoP, but the request had no DPoP proof.');
    case "n_a":
      // RFC 8693 §2.2.1: N_A marks a token that is not an access token. The config requested this type by its name.
      if (isAsRequested && !isDpop) return "Bearer";
      throw invalid('its "token_type" is N_A: it is not an access token.');
    default:
      throw invalid(`its "token_type" is not ${isDpop ? "DPoP" : "Bearer"}.`, { token_type: value });
  }
}

/** Returns the lifetime in seconds, 0 for a negative one, and `undefined` for a value that is not a number. */
function lifetime(value: unknown): number | undefined {
  const isNumeric = typeof value === "string" && /^\s*-?\d{1,32}(\.\d{1,32})?\s*$/.test(value);
  const seconds = isNumeric ? Number(value) : value;
  if (typeof seconds !== "number" || Number.isNaN(seconds)) return undefined;
  return Math.min(Math.max(seconds, 0), longestLifetime);
}

/**
 * Returns the scopes in a `scope` member (RFC 6749 §3.3), without duplicates and without names that the grammar does
 * not allow. Returns `undefined` if the response has no such member.
 */
export function grantedScopes(value: unknown): readonly string[] | undefined {
  if (typeof value !== "string") return undefined;
  return [...new Set(value.split(" ").filter(isScope))];
}

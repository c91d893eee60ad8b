import type { TokenEndpoint } from "../../diagnosis/facts.js";
import { longestLifetime } from "../../lib/duration.js";
import { isScope } from "../../lib/scopes.js";
import type { IssuedToken } from "../issued-token.js";
import { isHeaderSafe } from "./header-safe.js";
import { type InvalidResponse, readSuccessfulResponse } from "./successful-response.js";
import { bindingOf } from "./token-binding.js";
import type { TokenRequestResult } from "./token-request.js";

/** Token type identifiers are those of RFC 8693 §3. */
export interface ExpectedTypes {
  /** Absent: the access token is used. Otherwise the ID token is, which must be for one of these audiences. */
  readonly idTokenAudiences?: readonly string[] | undefined;
  /** The acceptable types. Absent for a grant whose responses have no `issued_token_type`. */
  readonly issuedTypes?: readonly string[];
  /** The type that the request named. */
  readonly requestedType?: string | undefined;
}

/** The token in a response. */
export interface ReceivedToken
  extends Pick<IssuedToken, "accessToken" | "tokenType" | "expiresIn" | "scopes" | "binding"> {
  /** The `token_type` of a server that has a spelling of its own for Bearer. */
  readonly spelling?: string | undefined;
}

/**
 * Validates the response to a request for an access token, and returns the token. Ignores members that the config does
 * not use (`id_token`, `refresh_token`). With `issuedTypes`, refuses a response with another `issued_token_type`,
 * but accepts one without it, although RFC 8693 §2.2.1 requires it.
 *
 * Rejects with the codes of `readSuccessfulResponse`.
 */
export async function readTokenResponse(
  result: Pick<TokenRequestResult, "response" | "scopes" | "dpopSigner" | "certificate">,
  endpoint: TokenEndpoint,
  now: number,
  expected: ExpectedTypes = {},
): Promise<ReceivedToken> {
  const successful = await readSuccessfulResponse(result, endpoint, now);
  const { members, invalid, elsewhere } = successful;
  const { access_token, id_token, token_type, expires_in, scope, issued_token_type } = members;
  const { idTokenAudiences, issuedTypes, requestedType } = expected;
  const scopes = grantedScopes(scope) ?? result.scopes;
  // A token response has at least one of them.
  if (access_token === undefined && token_type === undefined && id_token === undefined)
    throw await elsewhere(`it has no "${idTokenAudiences === undefined ? "access_token" : "id_token"}"`);
  if (idTokenAudiences !== undefined) {
    const { readIdToken } = await import("./id-token.js");
    const { accessToken: token, expiresIn } = readIdToken(successful, idTokenAudiences);
    const binding = bindingOf(token, result, invalid);
    return { accessToken: token, tokenType: "Bearer", expiresIn, scopes, ...(binding && { binding }) };
  }
  if (issuedTypes !== undefined) assertIssuedType(issued_token_type, issuedTypes, invalid);
  const token = accessToken(access_token, id_token, invalid);
  const isAsRequested = requestedType !== undefined && issued_token_type === requestedType;
  const spelling = result.dpopSigner === undefined ? spellingOf(token_type) : undefined;
  const type =
    spelling === undefined ? tokenType(token_type, { ...result, isAsRequested }, invalid) : "Bearer";
  const binding = bindingOf(token, result, invalid);
  const expiresIn = lifetime(expires_in);
  return {
    accessToken: token,
    tokenType: type,
    ...(expiresIn === undefined ? {} : { expiresIn }),
    scopes,
    ...(binding && { binding }),
    ...(spelling !== undefined && { spelling }),
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

function accessToken(value: unknown, idToken: unknown, invalid: InvalidResponse): string {
  if (typeof value !== "string" || value === "") {
    throw invalid(
      typeof idToken === "string"
        ? 'it has an "id_token", but no "access_token". If the MCP server accepts ID tokens, set "use": "id_token" in the ' +
            "grant."
        : 'it has no "access_token".',
    );
  }
  if (!isHeaderSafe(value))
    throw invalid('its "access_token" has characters that cannot be sent in a header.');
  return value;
}

/**
 * Other spellings of Bearer that authorization servers are known to use: Apigee, Azure DevOps, and servers that were
 * written by hand.
 */
const bearerSpellings = ["BearerToken", "jwt-bearer", "Bearer Token", "bearer_token"];

/** Returns the spelling from our list, never the server's text. */
function spellingOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return bearerSpellings.find((spelling) => spelling.toLowerCase() === value.toLowerCase());
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

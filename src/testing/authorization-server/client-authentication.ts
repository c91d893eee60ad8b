import { createHash, timingSafeEqual } from "node:crypto";
import { decodeJwt, verifyJwt } from "./jwt.js";
import { allowedSkew, assertFresh, isAudience } from "./jwt-claims.js";
import { invalidClient, OAuthError } from "./oauth-error.js";
import type { TestTokenRequest } from "./public-types.js";
import type { RegisteredClient } from "./registered-clients.js";
import type { UsedIds } from "./used-ids.js";

/** The credential in a request. */
export interface PresentedClient {
  readonly id: string | undefined;
  readonly method: TestTokenRequest["method"];
  /** The secret or the assertion. */
  readonly credential: string;
}

export interface ClientVerifier {
  readonly clients: ReadonlyMap<string, RegisteredClient>;
  /** The values of `aud` that name this server. */
  readonly audiences: readonly string[];
  /** The `jti` of the assertions so far. */
  readonly usedAssertions: UsedIds;
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Returns the credential in a request, without verifying it. */
export function presentedClient(authorization: string | undefined, body: URLSearchParams): PresentedClient {
  const id = body.get("client_id") ?? undefined;
  if (authorization !== undefined) {
    const [, encoded = ""] = /^basic ([\w+/=-]+)$/i.exec(authorization) ?? [];
    const [, name, secret = ""] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? [];
    return { id: name && formDecoded(name), method: "client_secret_basic", credential: formDecoded(secret) };
  }
  const assertion = body.get("client_assertion");
  if (assertion !== null) {
    const subject = decodeJwt(assertion)?.claims["sub"];
    const named = typeof subject === "string" ? subject : undefined;
    return { id: id ?? named, method: "private_key_jwt", credential: assertion };
  }
  const secret = body.get("client_secret");
  return secret === null
    ? { id, method: "none", credential: "" }
    : { id, method: "client_secret_post", credential: secret };
}

/**
 * Returns the client that a request has authenticated as. Throws `invalid_client`, or `invalid_request` for several
 * methods (RFC 6749 §2.3).
 */
export function authenticatedClient(
  { id, method, credential }: PresentedClient,
  body: URLSearchParams,
  verifier: ClientVerifier,
): RegisteredClient {
  const others = ["client_secret", "client_assertion"].filter((name) => body.has(name)).length;
  if (others > (method === "client_secret_basic" ? 0 : 1))
    throw new OAuthError("invalid_request", "The client authenticates in more than one way.");
  if ((body.get("client_id") ?? id) !== id)
    throw new OAuthError("invalid_request", "The client_id is not that of the client that authenticates.");
  const client = id === undefined ? undefined : verifier.clients.get(id);
  if (client === undefined) throw invalidClient("There is no client with this id.");
  switch (method) {
    case "none":
      if (client.secret !== undefined || client.keys.length > 0)
        throw invalidClient("The client must authenticate.");
      return client;
    case "private_key_jwt":
      assertAssertion(client, credential, body, verifier);
      return client;
    default:
      if (client.secret === undefined) throw invalidClient("The client has no secret.");
      if (!isEqual(credential, client.secret)) throw invalidClient("The secret is wrong.");
      return client;
  }
}

/** RFC 7523 §3. */
function assertAssertion(
  client: RegisteredClient,
  assertion: string,
  body: URLSearchParams,
  { audiences, usedAssertions }: ClientVerifier,
): void {
  if (body.get("client_assertion_type") !== assertionType)
    throw invalidClient("The client_assertion_type is wrong.");
  const { kid } = decodeJwt(assertion)?.header ?? {};
  if (kid !== undefined && !client.keys.some((key) => key.kid === undefined || key.kid === kid))
    throw invalidClient("The jwks of the client has no key with the kid of the assertion.");
  const verified = verifyJwt(assertion, client.keys);
  if (verified === undefined) throw invalidClient("No key of the client has signed the assertion.");
  const { iss, sub, aud, jti, exp } = verified.claims;
  if (iss !== client.id || sub !== client.id)
    throw invalidClient("The iss and sub of the assertion must be the client's id.");
  if (!audiences.some((audience) => isAudience(aud, audience)))
    throw invalidClient("The aud of the assertion must be the issuer.");
  assertFresh(verified.claims, invalidClient);
  if (!usedAssertions.add(jti, Number(exp) + allowedSkew))
    throw invalidClient("The assertion needs a jti that was not used before.");
}

/** RFC 6749 §2.3.1. Returns text that is not form-encoded unchanged. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function isEqual(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

import type { IncomingMessage } from "node:http";
import {
  authenticatedClient,
  type ClientVerifier,
  type PresentedClient,
  presentedClient,
} from "./client-authentication.js";
import { verifiedProof } from "./dpop-proof.js";
import { type GrantServer, grants } from "./grants.js";
import { OAuthError } from "./oauth-error.js";
import type { TestFailure, TestTokenRequest } from "./public-types.js";
import type { RegisteredClient } from "./registered-clients.js";
import type { UsedIds } from "./used-ids.js";

export interface Answer {
  readonly status: number;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface TokenEndpoint extends ClientVerifier, GrantServer {
  readonly url: string;
  /** The `jti` of the DPoP proofs so far. */
  readonly usedProofs: UsedIds;
  readonly requests: TestTokenRequest[];
  /** Returns how this request fails, `undefined` if it is served. */
  nextFailure(): (TestFailure & { readonly status: number }) | undefined;
}

interface ErrorBody {
  readonly error?: string;
  readonly error_description?: string;
}

/** Parameters that are credentials, or contain one. */
const secretParameters: ReadonlySet<string> = new Set([
  ...["client_secret", "client_assertion", "assertion", "subject_token", "actor_token", "refresh_token"],
  ...["code", "password"],
]);

/** Parameters that may be repeated (RFC 8707 §2, RFC 8693 §2.1). */
const repeatable: ReadonlySet<string> = new Set(["resource", "audience"]);

/** Answers a token request and records it. */
export function answerTokenRequest(
  endpoint: TokenEndpoint,
  { headers }: Pick<IncomingMessage, "headers">,
  body: URLSearchParams,
): Answer {
  const at = Date.now();
  const presented = presentedClient(headers.authorization, body);
  const proof = headers["dpop"];
  const failure = endpoint.nextFailure();
  const answer =
    failure === undefined
      ? attempt(headers.authorization, () => {
          assertForm(headers["content-type"]);
          assertUnrepeated(body);
          const client = requestingClient(presented, body, endpoint);
          const jkt =
            typeof proof === "string" ? verifiedProof(proof, endpoint.url, endpoint.usedProofs) : undefined;
          const grant = grants.get(body.get("grant_type") ?? "");
          if (grant === undefined) throw unsupportedGrant(body);
          return { status: 200, body: grant({ client, body, jkt }, endpoint) };
        })
      : failedAnswer(failure);
  const { error, error_description: reason }: ErrorBody = answer.body ?? {};
  endpoint.requests.push({
    at,
    ...(presented.id !== undefined && { clientId: presented.id }),
    method: presented.method,
    parameters: shownParameters(body),
    dpop: proof !== undefined,
    status: answer.status,
    ...(error !== undefined && { error }),
    ...(reason !== undefined && { errorDescription: reason }),
  });
  return answer;
}

/** Returns the answer, or the error response for an `OAuthError` (RFC 6749 §5.2). */
export function attempt(authorization: string | undefined, answer: () => Answer): Answer {
  try {
    return answer();
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error;
    const body = { error: error.error, error_description: error.message };
    // Required if the client used this header.
    const isBasic = error.status === 401 && authorization !== undefined;
    return { status: error.status, body, ...(isBasic && { headers: { "www-authenticate": "Basic" } }) };
  }
}

/** An assertion or a subject token may be all that identifies the client. */
function requestingClient(
  presented: PresentedClient,
  body: URLSearchParams,
  endpoint: TokenEndpoint,
): RegisteredClient | undefined {
  const isAnonymous = presented.id === undefined && presented.method === "none";
  if (isAnonymous && (body.has("assertion") || body.has("subject_token"))) return undefined;
  return authenticatedClient(presented, body, endpoint);
}

/** RFC 6749 §4.4.2. */
function assertForm(contentType = ""): void {
  if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType))
    throw new OAuthError("invalid_request", "The body must be application/x-www-form-urlencoded.");
}

function assertUnrepeated(body: URLSearchParams): void {
  for (const name of new Set(body.keys())) {
    if (!repeatable.has(name) && body.getAll(name).length > 1)
      throw new OAuthError("invalid_request", "A parameter is repeated.");
  }
}

function unsupportedGrant(body: URLSearchParams): OAuthError {
  return body.has("grant_type")
    ? new OAuthError("unsupported_grant_type", "The server does not have this grant.")
    : new OAuthError("invalid_request", "The parameter grant_type is missing.");
}

function failedAnswer({ status, error, retryAfter }: TestFailure & { readonly status: number }): Answer {
  return {
    status,
    ...(error !== undefined && { body: { error } }),
    ...(retryAfter !== undefined && { headers: { "retry-after": String(retryAfter) } }),
  };
}

function shownParameters(body: URLSearchParams): TestTokenRequest["parameters"] {
  return Object.fromEntries(
    [...new Set(body.keys())].map((name) => {
      const values = secretParameters.has(name) ? ["<secret>"] : body.getAll(name);
      const [first = ""] = values;
      return [name, values.length > 1 ? values : first];
    }),
  );
}

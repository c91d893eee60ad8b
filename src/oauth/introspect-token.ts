import {
  OperationProcessingError,
  processIntrospectionResponse,
  ResponseBodyError,
  UnsupportedOperationError,
  WWWAuthenticateChallengeError,
} from "oauth4webapi";
import type { ClientSpec, ServerSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import type { JsonObject } from "../lib/json-object.js";
import type { Secret } from "../lib/secret.js";
import { createAttempt, type OAuthRuntime } from "./attempt.js";
import { authenticateClient } from "./client-auth/authenticate-client.js";
import { findClientEndpoint, postForm } from "./client-endpoint.js";

export type Introspection =
  /** What the server says about the token, RFC 7662 §2.2. */
  | { readonly kind: "answered"; readonly claims: JsonObject }
  /** The server has no introspection endpoint. */
  | { readonly kind: "unsupported" }
  /** It does not answer this client, or with something else. */
  | { readonly kind: "refused"; readonly status: number };

/** Whose token is introspected, and what is known about its issuer. */
export interface TokenToIntrospect {
  readonly spec: ServerSpec;
  readonly client: ClientSpec;
  readonly metadata: AuthorizationServerMetadata;
  readonly token: Secret;
}

/**
 * Asks the authorization server what a token is for, RFC 7662. The request carries the client's credential, so it goes
 * only to the endpoint in the metadata of the pinned issuer. Most servers answer only some of their clients.
 *
 * Rejects with `insecure_url`, with the codes of `authenticateClient` and `readClientHeaders`, and with `unavailable`,
 * `timeout`, `tls_failed` or `aborted`.
 */
export async function introspectToken(
  { spec, client, metadata, token }: TokenToIntrospect,
  runtime: OAuthRuntime,
  signal: AbortSignal,
): Promise<Introspection> {
  const { issuer, id } = client;
  if (id === undefined) return { kind: "unsupported" };
  const attempt = createAttempt(runtime, { spec, signal });
  const endpoint = findClientEndpoint("introspection endpoint", client, metadata, attempt);
  if (endpoint === undefined) return { kind: "unsupported" };
  const { url } = endpoint;
  const time = runtime.serverClocks.at(url);
  const authentication = await authenticateClient(client, metadata, { time, url }, attempt);
  const fields = new URLSearchParams({ token: token.reveal(), token_type_hint: "access_token" });
  const { status, headers, body } = await postForm(endpoint, { fields, client, authentication }, attempt);
  const refused: Introspection = { kind: "refused", status };
  // Other successful responses cannot have a body.
  if (status !== 200) return refused;
  const response = new Response(body, { status, headers });
  try {
    const claims = await processIntrospectionResponse({ issuer }, { client_id: id }, response);
    return { kind: "answered", claims };
  } catch (error) {
    if (isRefusal(error)) return refused;
    throw error;
  }
}

/** Whether the library found that a response is no answer. Its errors have the response, so none of them is passed on. */
function isRefusal(error: unknown): boolean {
  return (
    error instanceof OperationProcessingError ||
    error instanceof ResponseBodyError ||
    error instanceof UnsupportedOperationError ||
    error instanceof WWWAuthenticateChallengeError
  );
}

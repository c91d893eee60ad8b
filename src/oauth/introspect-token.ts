import {
  allowInsecureRequests,
  customFetch,
  introspectionRequest,
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
import { boundedFetch } from "../net/bounded-fetch.js";
import { assertLearnedUrl } from "../net/egress.js";
import { createAttempt, type OAuthRuntime } from "./attempt.js";
import { authenticateClient } from "./client-auth/authenticate-client.js";
import { addClientHeaders, readClientHeaders } from "./client-headers.js";
import { endpointUrl } from "./endpoint-url.js";
import { rememberSent } from "./token-endpoint/remember-sent.js";

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
  const endpoint = endpointUrl("introspection_endpoint", client, metadata);
  if (endpoint === undefined || client.id === undefined) return { kind: "unsupported" };
  const { name: server, url, timeout } = spec;
  const { issuer } = client;
  const target = `the introspection endpoint of ${issuer}`;
  const { insecureHosts } = runtime.metadata;
  assertLearnedUrl(endpoint, target, { server, configured: [url, issuer], insecureHosts });
  const attempt = createAttempt(runtime, { spec, signal });
  const time = runtime.serverClocks.at(endpoint);
  const authentication = await authenticateClient(client, metadata, { time, url: endpoint }, attempt);
  const clientHeaders = await readClientHeaders(client, attempt);
  const authorizationServer = { issuer, introspection_endpoint: endpoint };
  const clientId = { client_id: client.id };
  let failure: unknown;
  let status = 0;
  try {
    const response = await introspectionRequest(
      authorizationServer,
      clientId,
      // The credential is added below: an error of ours must not be taken for one of the library.
      () => {},
      token.reveal(),
      {
        additionalParameters: { token_type_hint: "access_token" },
        // The rules for URLs have been checked above.
        [allowInsecureRequests]: true,
        async [customFetch](target_, { headers: given, body }) {
          try {
            const headers = new Headers(given);
            headers.set("user-agent", "mcp-auth-runtime");
            addClientHeaders(headers, clientHeaders);
            await authentication.apply({ issuer }, clientId, body, headers);
            rememberSent(headers, body, { headers: clientHeaders.secret });
            const answer = await boundedFetch(authentication.fetch, {
              ...{ server, target, endpoint: "introspection endpoint", url: target_, isLearned: true },
              ...{ method: "POST", headers: Object.fromEntries(headers), body: body.toString() },
              ...{ timeout, signal, clock: runtime.clock },
            });
            status = answer.status;
            return new Response(answer.body, { status, headers: answer.headers });
          } catch (error) {
            failure = error;
            throw error;
          }
        },
      },
    );
    const claims = await processIntrospectionResponse(authorizationServer, clientId, response);
    return { kind: "answered", claims };
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (!isRefusal(error)) throw error;
    return { kind: "refused", status };
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

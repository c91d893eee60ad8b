import type { ClientSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import {
  BodyTooLarge,
  type BoundedResponse,
  boundedFetch,
  type FetchFunction,
} from "../net/bounded-fetch.js";
import type { ClientAuthenticationContext } from "./client-auth.js";
import { authenticateClient } from "./client-authentication.js";

/** What a token endpoint is asked, RFC 6749 §3.2, client authentication apart. */
export interface TokenParameters {
  readonly grantType: string;
  /** Empty: no `scope` is sent, and the server decides. */
  readonly scopes: readonly string[];
  /** RFC 8707, sent byte for byte. */
  readonly resource?: string;
}

export interface TokenRequestContext extends ClientAuthenticationContext {
  readonly fetch: FetchFunction;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** An answer that is not judged yet. */
export interface TokenAnswer {
  readonly response: BoundedResponse;
  /** Milliseconds since the epoch, just before the request went out: the lifetime counts from here. */
  readonly requestedAt: number;
}

/**
 * The one place that sends token requests. Reads the credential afresh and signs anew, so every attempt is a request
 * of its own. Redirects are not followed.
 *
 * Rejects with the codes of `authenticateClient` and of `boundedFetch`, and with `token_response_invalid` when the
 * answer is larger than 1 MiB.
 */
export async function sendTokenRequest(
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  parameters: TokenParameters,
  context: TokenRequestContext,
): Promise<TokenAnswer> {
  const { server } = context;
  const authenticate = await authenticateClient(client, metadata, context);
  const oauth = await import("oauth4webapi");
  let answer: TokenAnswer | undefined;
  try {
    await oauth.genericTokenEndpointRequest(
      { issuer: metadata.issuer, token_endpoint: metadata.token_endpoint },
      { client_id: client.id },
      authenticate,
      parameters.grantType,
      formParameters(parameters),
      {
        headers: { "user-agent": "mcp-auth-runtime" },
        // Which URLs may be http was decided when the metadata was taken.
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: async (url, { body, headers }) => {
          answer = await exchange(url, body.toString(), headers, context);
          // The library only hands it back. Its own judgement would mask `error` behind a `WWW-Authenticate`, keep
          // the body in its errors and refuse an answer for a stray `id_token`; `readTokenResponse` judges instead.
          return new Response(null);
        },
      },
    );
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    // What the library itself throws is about the metadata, and may carry it.
  }
  if (answer !== undefined) return answer;
  throw new McpAuthError(
    "discovery_failed",
    `Server "${server}": no token request can be made from the metadata of ${metadata.issuer}: its token endpoint ` +
      "or the client's id cannot be used.",
    { server },
  );
}

function formParameters({ grantType, scopes, resource }: TokenParameters): URLSearchParams {
  const form = new URLSearchParams({ grant_type: grantType });
  if (scopes.length > 0) form.set("scope", scopes.join(" "));
  if (resource !== undefined) form.set("resource", resource);
  return form;
}

async function exchange(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>>,
  context: TokenRequestContext,
): Promise<TokenAnswer> {
  const { server, fetch, clock, timeout, signal } = context;
  const requestedAt = clock.now();
  const what = "the token endpoint";
  try {
    const request = { server, what, url, method: "POST", headers, body, timeout, signal, clock } as const;
    const response = await boundedFetch(fetch, request);
    return { response, requestedAt };
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    // A refusal says enough by its status; only of a success the body is needed.
    if (error.status >= 300) {
      return { response: { status: error.status, headers: new Headers(), body: "" }, requestedAt };
    }
    throw new McpAuthError(
      "token_response_invalid",
      `Server "${server}": ${what} answered with more than 1 MiB.`,
      {
        server,
      },
    );
  }
}

import type { ClientSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import type { Dpop, DpopSigner } from "../../dpop/dpop.js";
import { McpAuthError } from "../../errors/error.js";
import {
  type BoundedResponse,
  type Exchange,
  exchange,
  type FetchFunction,
} from "../../net/bounded-fetch.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import { failureError } from "../../net/failure.js";
import { clockSkewMessage, type SigningTime } from "../../net/server-clocks.js";
import { type AttemptContext, warnOnce } from "../attempt.js";
import { authenticateClient } from "../client-auth/authenticate-client.js";
import { rememberSent } from "./remember-sent.js";
import { contactedUrl } from "./token-endpoint.js";

export type TokenField = readonly [name: string, value: string];

/** What a token endpoint is asked, RFC 6749 §3.2, client authentication apart. */
export interface TokenParameters {
  readonly grantType: string;
  /** Empty: no `scope` is sent, and the server decides. */
  readonly scopes: readonly string[];
  /** Everything else that the protocol has a use for, in this order. A name may occur several times. */
  readonly fields: readonly TokenField[];
  /** What the config adds. Never in place of what the protocol has a use for. */
  readonly params?: readonly TokenField[];
}

/** One request to a token endpoint. */
export interface TokenEndpointRequest {
  readonly client: ClientSpec;
  readonly metadata: AuthorizationServerMetadata;
  /** Names the endpoint in messages. */
  readonly what: string;
  /** Makes the parameters, after it is known that the client can authenticate. Signs in the time that it is given. */
  readonly parameters: (time: SigningTime) => Promise<TokenParameters>;
  /** Binds the token to a key. Absent without DPoP. */
  readonly dpop?: Dpop | undefined;
  /** The DPoP algorithms that the MCP server lists. */
  readonly resourceAlgorithms?: readonly string[] | undefined;
  /** Called with the `kid` of each client assertion that a key signs. */
  readonly onSigned?: ((kid: string | undefined) => void) | undefined;
}

/** An answer that is not judged yet, and what it was asked with. */
export interface TokenAnswer {
  readonly response: BoundedResponse;
  /** Milliseconds since the epoch, just before the request went out: the lifetime counts from here. */
  readonly requestedAt: number;
  /** The scopes that were asked for. */
  readonly scopes: readonly string[];
  /** The key that the request proved to have. */
  readonly dpopSigner?: DpopSigner | undefined;
  /** The certificate that was presented, and what presents it again. */
  readonly certificate?: { readonly fetch: FetchFunction; readonly identity: TlsIdentity } | undefined;
  /** Whether another DPoP nonce is known by now than the one in the proof. */
  readonly hasNewNonce: boolean;
  /** Whether something was signed for it in a time that by now is known to be another one than the server's. */
  readonly hasNewTime: boolean;
  /** Milliseconds that the server's clock is ahead of ours, where that is too much for what was signed to be in its time. */
  readonly clockSkew: number | undefined;
}

/**
 * Sends one token request; no other function does. Reads the credential and signs anew, so that each attempt is a request
 * of its own. Does not follow redirects.
 *
 * Rejects with the codes of `authenticateClient`, `Dpop`, `parameters` and `failureError`, with `discovery_failed` when
 * the metadata makes no request, and with `token_response_invalid` when the response is larger than 1 MiB.
 */
export async function sendTokenRequest(
  request: TokenEndpointRequest,
  attempt: AttemptContext,
): Promise<TokenAnswer> {
  const { client, metadata, what, parameters, dpop, resourceAlgorithms, onSigned } = request;
  const { server, clock, signal, serverClocks } = attempt;
  const { issuer, dpop_signing_alg_values_supported: authorizationServer } = metadata;
  const time = serverClocks.at(contactedUrl(client, metadata));
  const authentication = await authenticateClient(client, metadata, { time, onSigned }, attempt);
  const onUnlisted = () => warnOnce(attempt, `authentication at ${client.issuer}`);
  const dpopSigner = await dpop?.dpopSigner(
    { issuer, authorizationServer, resource: resourceAlgorithms, onUnlisted },
    attempt,
  );
  const asked = await parameters(time);
  const named = { client_id: client.id ?? "anonymous" };
  const { url, headers, body } = await buildRequest(
    issuer,
    authentication.tokenEndpoint,
    named,
    asked,
    server,
  );
  await authentication.apply({ issuer }, named, body, headers);
  const nonce = dpop?.nonces.get("token", url);
  const proof = await dpopSigner?.proof({ method: "POST", url, nonce, time, signal });
  if (proof !== undefined) headers.set("dpop", proof);
  rememberSent(headers, body);
  await attempt.redemption?.sending();
  const requestedAt = clock.now();
  const result = await exchange(authentication.fetch, {
    endpoint: "token endpoint",
    ...{ server, what, url, isLearned: client.metadata === undefined },
    ...{ method: "POST", headers: Object.fromEntries(headers), body: body.toString() },
    ...{ timeout: attempt.spec.timeout, signal, clock },
  });
  const response = responseOf(result, server, what);
  // Many requests may have been sent meanwhile, so that these credentials were forgotten; the server may quote them.
  rememberSent(headers, body);
  dpop?.nonces.note("token", url, response.headers);
  const skew = attempt.warn && serverClocks.takeReport(url);
  if (skew !== undefined) attempt.warn?.("clock_skew", clockSkewMessage(server, what, skew));
  const { fetch, identity } = authentication;
  return {
    ...{ response, requestedAt, scopes: asked.scopes, dpopSigner },
    certificate: identity && { fetch, identity },
    hasNewNonce: dpop?.nonces.get("token", url) !== nonce,
    hasNewTime: time.isOutdated,
    clockSkew: time.uncorrected,
  };
}

interface BuiltRequest {
  readonly url: string;
  readonly headers: Headers;
  readonly body: URLSearchParams;
}

/**
 * Builds a token request with oauth4webapi, without the client's credential. The library does not send it: its own
 * judgement would mask `error` behind a `WWW-Authenticate`, keep the body in its errors, and refuse a response for a stray
 * `id_token`. `readTokenResponse` judges instead.
 */
async function buildRequest(
  issuer: string,
  tokenEndpoint: string,
  client: { readonly client_id: string },
  asked: TokenParameters,
  server: string,
): Promise<BuiltRequest> {
  const oauth = await import("oauth4webapi");
  const form = tokenForm(asked);
  let built: BuiltRequest | undefined;
  try {
    await oauth.genericTokenEndpointRequest(
      { issuer, token_endpoint: tokenEndpoint },
      client,
      // `authenticateClient` does this, outside of the `try`: an error of ours must not pass for one of the library.
      () => {},
      asked.grantType,
      form,
      {
        headers: { "user-agent": "mcp-auth-runtime" },
        // `discovery` has decided which URLs may be http.
        [oauth.allowInsecureRequests]: true,
        async [oauth.customFetch](url, { headers, body }) {
          built = { url, headers: new Headers(headers), body };
          return new Response(null);
        },
      },
    );
  } catch (error) {
    // The library refuses its arguments. They are from the metadata, which its error may quote.
    const isRefusal =
      error instanceof oauth.OperationProcessingError || (error instanceof TypeError && "code" in error);
    if (!isRefusal) throw error;
  }
  if (built !== undefined) return built;
  throw new McpAuthError(
    "discovery_failed",
    `Server "${server}": no token request can be made from the metadata of ${issuer}: its token endpoint ` +
      "or the client's id cannot be used.",
    { server, details: { token_endpoint: tokenEndpoint } },
  );
}

/** Only client authentication sets these fields. */
const clientFields: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
]);

/** The body of a token request before the client's credential is added to it. */
export function tokenForm({ grantType, scopes, fields, params = [] }: TokenParameters): URLSearchParams {
  const form = new URLSearchParams({ grant_type: grantType });
  if (scopes.length > 0) form.append("scope", scopes.join(" "));
  for (const [name, value] of fields) form.append(name, value);
  // The config refuses most of these names, but does not know which of them this request has.
  for (const [name, value] of params)
    if (!form.has(name) && !clientFields.has(name)) form.append(name, value);
  return form;
}

/** Of a response with an error status that is too large, the status is enough. */
function responseOf(result: Exchange, server: string, what: string): BoundedResponse {
  switch (result.kind) {
    case "response":
      return result.response;
    case "failed":
      throw failureError(server, result.failure);
    case "too-large": {
      const { status } = result;
      if (status >= 300) return { status, headers: new Headers(), body: "" };
      throw new McpAuthError(
        "token_response_invalid",
        `Server "${server}": ${what} answered with more than 1 MiB.`,
        { server },
      );
    }
  }
}

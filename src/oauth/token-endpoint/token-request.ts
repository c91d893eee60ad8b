import type { ClientSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import type { Dpop, DpopSigner } from "../../dpop/dpop.js";
import { McpAuthError } from "../../errors/error.js";
import {
  BodyTooLarge,
  type BoundedResponse,
  boundedFetch,
  type FetchFunction,
} from "../../net/bounded-fetch.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import { clockSkewMessage, ServerClocks, type SigningTime } from "../../net/server-clocks.js";
import { authenticateClient } from "../client-auth/authenticate-client.js";
import type { ClientAuthenticationContext } from "../client-auth/client-auth.js";
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

export interface TokenRequestContext extends ClientAuthenticationContext {
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Without them everything is signed in our own time. */
  readonly serverClocks?: ServerClocks | undefined;
  /** Told, once, how far the clock of the server differs from ours. */
  readonly onClockSkew?: ((message: string) => void) | undefined;
  /** Binds the token to a key; absent without DPoP. */
  readonly dpop?: Dpop | undefined;
  /** Awaited last of all before the request is sent. */
  readonly sending?: (() => Promise<void>) | undefined;
  /** What the MCP server takes of the proofs of such a key. */
  readonly proofAlgorithms?: readonly string[] | undefined;
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
 * The one place that sends token requests. Reads the credential afresh and signs anew, so every attempt is a request
 * of its own. `parameters` are made when it is known that the client can authenticate, and not before. Redirects are
 * not followed. `what` names the endpoint in messages.
 *
 * Rejects with the codes of `authenticateClient`, of `Dpop`, of `parameters` and of `boundedFetch`, and with
 * `token_response_invalid` when the answer is larger than 1 MiB.
 */
export async function sendTokenRequest(
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  parameters: (signingTime: SigningTime) => Promise<TokenParameters>,
  what: string,
  context: TokenRequestContext,
): Promise<TokenAnswer> {
  const { server, dpop, signal, serverClocks = new ServerClocks(context.clock) } = context;
  const { issuer, dpop_signing_alg_values_supported: proofAlgorithms } = metadata;
  const listed = { authorizationServer: proofAlgorithms, resource: context.proofAlgorithms };
  const signingTime = serverClocks.at(contactedUrl(client, metadata));
  const { apply, fetch, tokenEndpoint, identity } = await authenticateClient(client, metadata, {
    ...context,
    signingTime,
  });
  const dpopSigner = await dpop?.dpopSigner(listed, { ...context, issuer });
  const asked = await parameters(signingTime);
  const oauth = await import("oauth4webapi");
  let answer: TokenAnswer | undefined;
  try {
    await oauth.genericTokenEndpointRequest(
      { issuer, token_endpoint: tokenEndpoint },
      // The library wants one; where there is none, `apply` does not send it.
      { client_id: client.id ?? "anonymous" },
      apply,
      asked.grantType,
      tokenForm(asked),
      {
        headers: { "user-agent": "mcp-auth-runtime" },
        // Which URLs may be http was decided when the metadata was taken.
        [oauth.allowInsecureRequests]: true,
        [oauth.customFetch]: async (url, { body, headers }) => {
          const nonce = dpop?.nonces.get("token", url);
          const proof = await dpopSigner?.proof({ method: "POST", url, nonce, time: signingTime, signal });
          const sent = { ...headers, ...(proof && { dpop: proof }) };
          rememberSent(new Headers(sent), body);
          await context.sending?.();
          const isLearned = client.metadata === undefined;
          const received = await sendOnce({ url, isLearned, headers: sent, body: body.toString() }, what, {
            ...context,
            fetch,
          });
          // Others may have sent so much meanwhile that these were forgotten, and the server may quote them.
          rememberSent(new Headers(sent), body);
          dpop?.nonces.note("token", url, received.response.headers);
          const skew = context.onClockSkew && serverClocks.takeReport(url);
          if (skew !== undefined) context.onClockSkew?.(clockSkewMessage(server, what, skew));
          answer = {
            ...received,
            scopes: asked.scopes,
            dpopSigner,
            certificate: identity && { fetch, identity },
            hasNewNonce: dpop?.nonces.get("token", url) !== nonce,
            hasNewTime: signingTime.isOutdated,
            clockSkew: signingTime.uncorrected,
          };
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
    `Server "${server}": no token request can be made from the metadata of ${issuer}: its token endpoint ` +
      "or the client's id cannot be used.",
    { server, details: { token_endpoint: tokenEndpoint } },
  );
}

/** What says who the client is: for client authentication alone to put there. */
const ofTheClient: ReadonlySet<string> = new Set([
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
  // The config refuses most of these names, but knows not which of them this request has.
  for (const [name, value] of params) if (!form.has(name) && !ofTheClient.has(name)) form.append(name, value);
  return form;
}

async function sendOnce(
  request: {
    readonly url: string;
    readonly isLearned: boolean;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  },
  what: string,
  context: TokenRequestContext,
): Promise<Pick<TokenAnswer, "response" | "requestedAt">> {
  const { server, fetch, clock, timeout, signal } = context;
  const requestedAt = clock.now();
  try {
    const response = await boundedFetch(fetch, {
      ...request,
      endpoint: "token endpoint",
      method: "POST",
      server,
      what,
      timeout,
      signal,
      clock,
    });
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
      { server },
    );
  }
}

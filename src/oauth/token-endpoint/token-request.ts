import type { ClientSpec } from "../../config/spec.js";
import type { SentFacts } from "../../diagnosis/facts.js";
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
import { type Failure, failureError } from "../../net/failure.js";
import { clockSkewMessage, type SigningTime } from "../../net/server-clocks.js";
import { type AttemptContext, warnOnce } from "../attempt.js";
import { authenticateClient } from "../client-auth/authenticate-client.js";
import { addClientHeaders, readClientHeaders } from "../client-headers.js";
import { endpointUrl } from "../endpoint-url.js";
import { rememberSent } from "./remember-sent.js";

export type TokenField = readonly [name: string, value: string];

/** The parameters of a token request (RFC 6749 §3.2), except those of client authentication. */
export interface TokenParameters {
  /** What advice needs to know of the parameters if the server rejects the request. */
  readonly facts?: Omit<SentFacts, "authentication">;
  readonly grantType: string;
  /** If empty, no `scope` is sent, and the server decides. */
  readonly scopes: readonly string[];
  /** The other fields of the protocol, in the order in which they are sent. A name may occur several times. */
  readonly fields: readonly TokenField[];
  /** Fields that the config adds. They never replace a field of the protocol. */
  readonly params?: readonly TokenField[];
  /** The names of the `params` that hold a secret. */
  readonly secretParams?: readonly string[];
}

/** One request to a token endpoint. */
export interface TokenEndpointRequest {
  readonly client: ClientSpec;
  readonly metadata: AuthorizationServerMetadata;
  /** Names the endpoint in messages. */
  readonly endpointName: string;
  /** Creates the parameters. Called after the client's credential was read. `time` is the time for signatures. */
  readonly parameters: (time: SigningTime) => Promise<TokenParameters>;
  /** Binds the token to a key. Absent without DPoP. */
  readonly dpop?: Dpop | undefined;
  /** The DPoP algorithms that the MCP server lists. */
  readonly resourceAlgorithms?: readonly string[] | undefined;
  /** Called with the `kid` of each client assertion that a key signs. */
  readonly onSigned?: ((kid: string | undefined) => void) | undefined;
}

/** The response to a token request, not validated yet, and what the request was made with. */
export interface TokenRequestResult {
  readonly response: BoundedResponse;
  /** Milliseconds since the epoch, just before the request was sent. The lifetime of the token counts from here. */
  readonly requestedAt: number;
  /** What advice needs to know if the server rejected the request. */
  readonly sent: SentFacts;
  /** The requested scopes. */
  readonly scopes: readonly string[];
  /** Signed the DPoP proof of the request. */
  readonly dpopSigner?: DpopSigner | undefined;
  /** The certificate that the request presented, and the `fetch` that presents it. */
  readonly certificate?: { readonly fetch: FetchFunction; readonly identity: TlsIdentity } | undefined;
  /** Whether the server has sent another DPoP nonce than the one in the proof. */
  readonly isNonceOutdated: boolean;
  /** Whether the request was signed with a time that is now known to differ from the server's. */
  readonly isTimeOutdated: boolean;
  /**
   * Milliseconds that the server's clock is ahead of ours, if that is too much to be corrected and the request was
   * signed.
   */
  readonly clockSkew: number | undefined;
}

/**
 * Sends one token request. This is the only function that does. It reads the credential and signs at each call, and
 * does not follow redirects.
 *
 * Rejects with the codes of `authenticateClient`, `Dpop`, `parameters`, `readClientHeaders` and `failureError`, with
 * `discovery_failed` when no request can be built from the metadata, and with `token_response_invalid` when the response
 * is larger than 1 MiB.
 */
export async function sendTokenRequest(
  request: TokenEndpointRequest,
  attempt: AttemptContext,
): Promise<TokenRequestResult> {
  const { client, metadata, endpointName, parameters, dpop, resourceAlgorithms, onSigned } = request;
  const { server, clock, signal, serverClocks } = attempt;
  const { issuer, dpop_signing_alg_values_supported: authorizationServer } = metadata;
  const tokenEndpoint = endpointUrl("token_endpoint", client, metadata);
  const time = serverClocks.at(tokenEndpoint);
  const authentication = await authenticateClient(
    client,
    metadata,
    { time, url: tokenEndpoint, onSigned },
    attempt,
  );
  const onUnlisted = () => warnOnce(attempt, `authentication at ${client.issuer}`);
  const dpopSigner = await dpop?.signerFor(
    { issuer, authorizationServer, resource: resourceAlgorithms, onUnlisted },
    attempt,
  );
  const tokenParameters = await parameters(time);
  const clientHeaders = await readClientHeaders(client, attempt);
  // oauth4webapi requires an id. The body has it only if `authentication.apply` adds it.
  const clientId = { client_id: client.id ?? "anonymous" };
  // Loaded with the first request, because it contains oauth4webapi.
  const { buildRequest } = await import("./build-request.js");
  const form = tokenForm(tokenParameters);
  const { grantType } = tokenParameters;
  const { url, headers, body } = await buildRequest({
    issuer,
    tokenEndpoint,
    clientId,
    grantType,
    form,
    server,
  });
  const secrets = { headers: clientHeaders.secret, params: tokenParameters.secretParams };
  addClientHeaders(headers, clientHeaders);
  await authentication.apply({ issuer }, clientId, body, headers);
  const nonce = dpop?.nonces.get("token", url);
  const proof = await dpopSigner?.proof({ method: "POST", url, nonce, time, signal });
  if (proof !== undefined) headers.set("dpop", proof);
  rememberSent(headers, body, secrets);
  await attempt.redemption?.sending();
  const requestedAt = clock.now();
  const result = await exchange(authentication.fetch, {
    endpoint: "token endpoint",
    ...{ server, target: endpointName, url, isLearned: client.metadata === undefined },
    ...{ method: "POST", headers: Object.fromEntries(headers), body: body.toString() },
    ...{ timeout: attempt.spec.timeout, signal, clock },
  });
  if (result.kind === "failed") throw await requestFailure(result.failure, server, authentication.facts);
  const response = responseOf(result, server, endpointName);
  // Again, because many other requests may have pushed these credentials out meanwhile, and the response may quote
  // them.
  rememberSent(headers, body, secrets);
  dpop?.nonces.note("token", url, response.headers);
  const skew = attempt.warn && serverClocks.takeReport(url);
  if (skew !== undefined) attempt.warn?.("clock_skew", clockSkewMessage(server, endpointName, skew));
  const { fetch, identity } = authentication;
  return {
    ...{ response, requestedAt, scopes: tokenParameters.scopes, dpopSigner },
    sent: { authentication: authentication.facts, ...tokenParameters.facts },
    certificate: identity && { fetch, identity },
    isNonceOutdated: dpop?.nonces.get("token", url) !== nonce,
    isTimeOutdated: time.isOutdated,
    clockSkew: time.uncorrected,
  };
}

/** Only client authentication sets these fields. */
const clientFields: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
]);

/** Returns the body of a token request, without the client's credential. */
export function tokenForm({ grantType, scopes, fields, params = [] }: TokenParameters): URLSearchParams {
  const form = new URLSearchParams({ grant_type: grantType });
  if (scopes.length > 0) form.append("scope", scopes.join(" "));
  for (const [name, value] of fields) form.append(name, value);
  // The schema of the config refuses most of these names, but cannot know which fields this request has.
  for (const [name, value] of params)
    if (!form.has(name) && !clientFields.has(name)) form.append(name, value);
  return form;
}

/** Returns the error for a request without a response, which may be due to the client's certificate. */
async function requestFailure(
  failure: Failure,
  server: string,
  facts: SentFacts["authentication"],
): Promise<McpAuthError> {
  // With TLS 1.3, a refused certificate may look like a connection that the server closed.
  const mayBeCertificate =
    failure.code === "tls_failed" || (failure.code === "unavailable" && failure.neverArrived !== true);
  if (!mayBeCertificate || facts?.certificate?.isForClients !== false) return failureError(server, failure);
  const { certificateNotForClients } = await import("../../diagnosis/token-request/other-credentials.js");
  const { findingText } = await import("../../diagnosis/finding.js");
  const detail = `${failure.detail} ${findingText(certificateNotForClients)}`;
  return failureError(server, { ...failure, detail, finding: certificateNotForClients.id });
}

/** Returns the response. Throws for one that is too large and not an error. */
function responseOf(
  result: Exclude<Exchange, { kind: "failed" }>,
  server: string,
  endpointName: string,
): BoundedResponse {
  switch (result.kind) {
    case "response":
      return result.response;
    case "too-large": {
      const { status } = result;
      // The status of an error response says enough.
      if (status >= 300) return { status, headers: new Headers(), body: "" };
      throw new McpAuthError(
        "token_response_invalid",
        `Server "${server}": the response of ${endpointName} is larger than 1 MiB.`,
        { server },
      );
    }
  }
}

import type { ClientSpec, ServerSpec } from "../config/spec.js";
import { refusesCredential } from "../diagnosis/facts.js";
import { findAuthorizationServer } from "../discovery/find-target.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { parseJsonObject } from "../lib/json-object.js";
import type { Secret } from "../lib/secret.js";
import { type BoundedResponse, boundedFetch } from "../net/bounded-fetch.js";
import { assertLearnedUrl } from "../net/egress.js";
import { isTemporaryStatus } from "../net/retry.js";
import { CredentialMemory } from "../secrets/credential-memory.js";
import { CredentialRecorder } from "../secrets/credential-recorder.js";
import { createAttempt, type OAuthRuntime } from "./attempt.js";
import { authenticateClient } from "./client-auth/authenticate-client.js";
import { markIfAnotherCredential } from "./client-auth/credential-retry.js";
import { hasAnotherCredential } from "./error-marks.js";
import { errorFields, registeredError } from "./token-endpoint/oauth-error.js";
import { rememberSent } from "./token-endpoint/remember-sent.js";
import type { Rejection } from "./token-endpoint/token-rejection.js";

export interface TokenToRevoke {
  readonly token: Secret;
  readonly hint: "access_token" | "refresh_token";
}

type Revocation = "revoked" | "unsupported";

/**
 * Revokes a token, RFC 7009. Returns `unsupported` if the server has no revocation endpoint, or does not revoke tokens
 * of this kind. The request carries the client's credential, so it goes only to the endpoint in the metadata of the
 * pinned issuer. After a refusal it is sent again, as a token request is, with another credential if there is one, and
 * with an assertion in the server's time if the clocks differ.
 *
 * Rejects with the codes of `findAuthorizationServer` and `authenticateClient`, with `token_request_rejected`, and with
 * `unavailable`, `timeout` and `tls_failed`, which are retryable.
 */
export async function revokeToken(
  spec: ServerSpec,
  client: ClientSpec,
  { token, hint }: TokenToRevoke,
  runtime: OAuthRuntime,
  signal: AbortSignal,
): Promise<Revocation> {
  const { name: server, url, timeout } = spec;
  const { issuer, metadata: configured } = client;
  const wanted = { server, url, issuer, timeout, signal, metadata: configured };
  const metadata = await findAuthorizationServer(runtime.metadata, wanted);
  const { clock, serverClocks } = runtime;
  const what = `the revocation endpoint of ${issuer}`;
  const memory = new CredentialMemory();
  let hasTriedServerTime = false;
  for (;;) {
    const recorder = new CredentialRecorder(clock, memory, memory);
    const attempt = createAttempt(runtime, { spec, signal, recorder });
    const endpoint = revocationEndpoint(client, metadata);
    if (endpoint === undefined) return "unsupported";
    assertLearnedUrl(endpoint, what, {
      server,
      configured: [url, issuer, ...(configured?.revocationEndpoint === undefined ? [] : [endpoint])],
      insecureHosts: runtime.metadata.insecureHosts,
    });
    const time = serverClocks.at(endpoint);
    const { apply, fetch } = await authenticateClient(atIssuer(client), metadata, { time }, attempt);
    const body = new URLSearchParams({ token: token.reveal(), token_type_hint: hint });
    const headers = new Headers({ accept: "application/json", "user-agent": "mcp-auth-runtime" });
    await apply({ ...metadata }, { client_id: client.id ?? "anonymous" }, body, headers);
    rememberSent(headers, body);
    headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
    const request = {
      url: endpoint,
      isLearned: endpoint !== configured?.revocationEndpoint,
      method: "POST" as const,
      headers: Object.fromEntries(headers),
      body: body.toString(),
    };
    const response = await boundedFetch(fetch, {
      ...{ ...request, endpoint: "revocation endpoint", server, what, timeout, signal, clock },
    });
    const { status } = response;
    const outcome = readOutcome(response, server, what);
    if (typeof outcome === "string") return outcome;
    const refusesClient = outcome.oauthError === "invalid_client" || refusesCredential(status);
    if (refusesClient && time.isOutdated && !hasTriedServerTime) {
      hasTriedServerTime = true;
      continue;
    }
    await markIfAnotherCredential(outcome, { client, status }, attempt);
    if (!hasAnotherCredential(outcome)) throw outcome;
  }
}

/** Returns the URL of the endpoint. For a client certificate, that is the alias of RFC 8705 §5, if there is one. */
function revocationEndpoint(
  { credential }: ClientSpec,
  { revocation_endpoint, mtls_endpoint_aliases: aliases }: AuthorizationServerMetadata,
): string | undefined {
  return (
    (credential.kind === "certificate" ? aliases?.revocation_endpoint : undefined) ?? revocation_endpoint
  );
}

/** Returns the outcome of a revocation request, or the error to reject with. */
function readOutcome(
  { status, headers, body }: BoundedResponse,
  server: string,
  what: string,
): Revocation | McpAuthError {
  if (status >= 200 && status < 300) return "revoked";
  const members = parseJsonObject(body);
  if (members?.["error"] === "unsupported_token_type") return "unsupported";
  const oauthError = registeredError(members?.["error"]);
  const details = { ...errorFields(members), location: headers.get("location") };
  return revocationError(server, what, { status, oauthError, details });
}

/** Replaces the token endpoint by the issuer as the audience of assertions: the revocation endpoint is another one. */
function atIssuer(client: ClientSpec): ClientSpec {
  return client.assertionAudience === "token_endpoint" ? { ...client, assertionAudience: "issuer" } : client;
}

function revocationError(
  server: string,
  what: string,
  rejection: Omit<Rejection, "retryAfter">,
): McpAuthError {
  const { status, oauthError, details } = rejection;
  const statusAndCode = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const retryable = isTemporaryStatus(status);
  return retryable
    ? new McpAuthError(
        "unavailable",
        `Server "${server}": ${what} is not available now (${statusAndCode}). Try again later.`,
        {
          server,
          retryable: true,
          oauthError,
          details,
        },
      )
    : new McpAuthError(
        "token_request_rejected",
        `Server "${server}": ${what} refused to revoke the token (${statusAndCode}). Check the client's "id" and credential, and ` +
          "that the token was issued to this client.",
        { server, oauthError, details },
      );
}

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
import { judgeRefusal } from "./client-auth/credential-retry.js";
import { hasAnotherCredential } from "./error-marks.js";
import { registeredError, saidInError } from "./token-endpoint/oauth-error.js";
import { rememberSent } from "./token-endpoint/remember-sent.js";
import type { Rejection } from "./token-endpoint/token-rejection.js";

export interface TokenToRevoke {
  readonly token: Secret;
  readonly hint: "access_token" | "refresh_token";
}

type Revoked = "revoked" | "unsupported";

/**
 * Gives a token back, RFC 7009. `unsupported`: the server has no endpoint for it, or does not revoke tokens of this kind.
 * The request carries the client's credential and goes where the metadata of the pinned issuer says, and nowhere else. A
 * refused credential is followed by another as in a token request, and an assertion by one in the time of the server.
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
): Promise<Revoked> {
  const { name: server, url, timeout } = spec;
  const { issuer, metadata: configured } = client;
  const wanted = { server, url, issuer, timeout, signal, metadata: configured };
  const metadata = await findAuthorizationServer(runtime.metadata, wanted);
  const { clock, serverClocks } = runtime;
  const what = `the revocation endpoint of ${issuer}`;
  const memory = new CredentialMemory();
  let triedInNewTime = false;
  for (;;) {
    const reads = new CredentialRecorder(clock, memory, memory);
    const attempt = createAttempt(runtime, { spec, signal, reads });
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
    const refusal = judged(response, server, what);
    if (typeof refusal === "string") return refusal;
    const isOfClient = refusal.oauthError === "invalid_client" || refusesCredential(status);
    if (isOfClient && time.isOutdated && !triedInNewTime) {
      triedInNewTime = true;
      continue;
    }
    await judgeRefusal(refusal, { client, status }, attempt);
    if (!hasAnotherCredential(refusal)) throw refusal;
  }
}

/** For a certificate the alias of RFC 8705 §5, if there is one. */
function revocationEndpoint(
  { credential }: ClientSpec,
  { revocation_endpoint, mtls_endpoint_aliases: aliases }: AuthorizationServerMetadata,
): string | undefined {
  return (
    (credential.kind === "certificate" ? aliases?.revocation_endpoint : undefined) ?? revocation_endpoint
  );
}

function judged(
  { status, headers, body }: BoundedResponse,
  server: string,
  what: string,
): Revoked | McpAuthError {
  if (status >= 200 && status < 300) return "revoked";
  const members = parseJsonObject(body);
  if (members?.["error"] === "unsupported_token_type") return "unsupported";
  const oauthError = registeredError(members?.["error"]);
  const said = { ...saidInError(members), location: headers.get("location") };
  return refused(server, what, { status, oauthError, said });
}

/** An assertion made out to the token endpoint is for no other endpoint. */
function atIssuer(client: ClientSpec): ClientSpec {
  return client.assertionAudience === "token_endpoint" ? { ...client, assertionAudience: "issuer" } : client;
}

function refused(server: string, what: string, rejection: Omit<Rejection, "retryAfter">): McpAuthError {
  const { status, oauthError, said: details } = rejection;
  const answer = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const retryable = isTemporaryStatus(status);
  return retryable
    ? new McpAuthError(
        "unavailable",
        `Server "${server}": ${what} is not available now (${answer}). Try again later.`,
        {
          server,
          retryable: true,
          oauthError,
          details,
        },
      )
    : new McpAuthError(
        "token_request_rejected",
        `Server "${server}": ${what} refused to revoke the token (${answer}). Check the client's "id" and credential, and ` +
          "that the token was issued to this client.",
        { server, oauthError, details },
      );
}

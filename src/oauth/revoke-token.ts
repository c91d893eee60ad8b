import type { ClientSpec, ServerSpec } from "../config/spec.js";
import { rejectsCredential } from "../diagnosis/facts.js";
import { findAuthorizationServer } from "../discovery/find-target.js";
import { McpAuthError } from "../errors/error.js";
import type { Secret } from "../lib/secret.js";
import type { BoundedResponse } from "../net/bounded-fetch.js";
import { isTemporaryStatus } from "../net/retry.js";
import { CredentialMemory } from "../secrets/credential-memory.js";
import { CredentialRecorder } from "../secrets/credential-recorder.js";
import { createAttempt, type OAuthRuntime } from "./attempt.js";
import { authenticateClient } from "./client-auth/authenticate-client.js";
import { markIfAnotherCredential } from "./client-auth/credential-retry.js";
import { findClientEndpoint, postForm } from "./client-endpoint.js";
import { hasAnotherCredential } from "./error-marks.js";
import { readErrorResponse } from "./token-endpoint/error-response.js";
import { wantedAuthorizationServer } from "./wanted-authorization-server.js";

export interface TokenToRevoke {
  readonly token: Secret;
  readonly hint: "access_token" | "refresh_token";
}

type Revocation = "revoked" | "unsupported";

/**
 * Revokes a token, RFC 7009. Returns `unsupported` if the server has no revocation endpoint, or does not revoke tokens
 * of this kind. The request carries the client's credential, so it goes only to the endpoint in the metadata of the
 * pinned issuer. After a rejection it is sent again, as a token request is, with another credential if there is one,
 * and with an assertion in the server's time if the clocks differ.
 *
 * Rejects with the codes of `findAuthorizationServer`, `authenticateClient` and `readClientHeaders`, with
 * `token_request_rejected`, and with `unavailable`, `timeout` and `tls_failed`, which are retryable.
 */
export async function revokeToken(
  spec: ServerSpec,
  client: ClientSpec,
  { token, hint }: TokenToRevoke,
  runtime: OAuthRuntime,
  signal: AbortSignal,
): Promise<Revocation> {
  const first = createAttempt(runtime, { spec, signal });
  const metadata = await findAuthorizationServer(runtime.metadata, wantedAuthorizationServer(client, first));
  const endpoint = findClientEndpoint("revocation endpoint", client, metadata, first);
  if (endpoint === undefined) return "unsupported";
  const { url } = endpoint;
  const fields = new URLSearchParams({ token: token.reveal(), token_type_hint: hint });
  const memory = new CredentialMemory();
  let hasCorrectedTime = false;
  for (;;) {
    const recorder = new CredentialRecorder(runtime.clock, memory, memory);
    const attempt = createAttempt(runtime, { spec, signal, recorder });
    const time = runtime.serverClocks.at(url);
    const authentication = await authenticateClient(client, metadata, { time, url }, attempt);
    const response = await postForm(endpoint, { fields, client, authentication }, attempt);
    const { status } = response;
    const outcome = readOutcome(response, spec.name, endpoint.name, runtime.clock.now());
    if (typeof outcome === "string") return outcome;
    const rejectsClient = outcome.oauthError === "invalid_client" || rejectsCredential(status);
    if (rejectsClient && time.isOutdated && !hasCorrectedTime) {
      hasCorrectedTime = true;
      continue;
    }
    await markIfAnotherCredential(outcome, { client, status }, attempt);
    if (!hasAnotherCredential(outcome)) throw outcome;
  }
}

/** Returns the outcome of a revocation request, or the error to reject with. */
function readOutcome(
  response: BoundedResponse,
  server: string,
  endpointName: string,
  now: number,
): Revocation | McpAuthError {
  const { status } = response;
  if (status >= 200 && status < 300) return "revoked";
  const { oauthError, details, retryAfter } = readErrorResponse(response, now);
  if (oauthError === "unsupported_token_type") return "unsupported";
  const statusAndCode = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  if (isTemporaryStatus(status)) {
    const detail = `${endpointName} is not available now (${statusAndCode}). Try again later.`;
    return new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
      ...{ server, retryable: true, retryAfter, oauthError, details },
    });
  }
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${endpointName} did not revoke the token (${statusAndCode}). Check the client's "id" and ` +
      "credential, and that the token was issued to this client.",
    { server, oauthError, details },
  );
}

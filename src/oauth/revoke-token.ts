import type { ClientSpec, ServerSpec } from "../config/spec.js";
import { rejectsCredential } from "../diagnosis/facts.js";
import { findAuthorizationServer } from "../discovery/find-target.js";
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
import type { ClientAuthentication } from "./client-auth/client-auth.js";
import { markIfAnotherCredential } from "./client-auth/credential-retry.js";
import { addClientHeaders, type ClientHeaders, readClientHeaders } from "./client-headers.js";
import { endpointUrl } from "./endpoint-url.js";
import { hasAnotherCredential } from "./error-marks.js";
import { errorFields, registeredError } from "./token-endpoint/oauth-error.js";
import { rememberSent } from "./token-endpoint/remember-sent.js";
import type { ErrorResponse } from "./token-endpoint/token-rejection.js";
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
  revoked: TokenToRevoke,
  runtime: OAuthRuntime,
  signal: AbortSignal,
): Promise<Revocation> {
  const { name: server, url, timeout } = spec;
  const { issuer, metadata: configured } = client;
  const wanted = wantedAuthorizationServer(client, createAttempt(runtime, { spec, signal }));
  const metadata = await findAuthorizationServer(runtime.metadata, wanted);
  const endpoint = endpointUrl("revocation_endpoint", client, metadata);
  if (endpoint === undefined) return "unsupported";
  const endpointName = `the revocation endpoint of ${issuer}`;
  const isLearned = endpoint !== configured?.revocationEndpoint;
  assertLearnedUrl(endpoint, endpointName, {
    server,
    configured: [url, issuer, ...(configured?.revocationEndpoint === undefined ? [] : [endpoint])],
    insecureHosts: runtime.metadata.insecureHosts,
  });
  const memory = new CredentialMemory();
  let hasCorrectedTime = false;
  for (;;) {
    const recorder = new CredentialRecorder(runtime.clock, memory, memory);
    const attempt = createAttempt(runtime, { spec, signal, recorder });
    const time = runtime.serverClocks.at(endpoint);
    const authentication = await authenticateClient(client, metadata, { time, url: endpoint }, attempt);
    const clientHeaders = await readClientHeaders(client, attempt);
    const form = await revocationForm(revoked, client, authentication, clientHeaders);
    const response = await boundedFetch(authentication.fetch, {
      ...{ server, target: endpointName, endpoint: "revocation endpoint" },
      ...{ url: endpoint, isLearned, method: "POST", ...form },
      ...{ timeout, signal, clock: runtime.clock },
    });
    const { status } = response;
    const outcome = readOutcome(response, server, endpointName);
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

/** Returns the headers and the body of one request, with the client's credential. */
async function revocationForm(
  { token, hint }: TokenToRevoke,
  client: ClientSpec,
  { apply }: ClientAuthentication,
  clientHeaders: ClientHeaders,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }> {
  const body = new URLSearchParams({ token: token.reveal(), token_type_hint: hint });
  const headers = new Headers({ accept: "application/json", "user-agent": "mcp-auth-runtime" });
  addClientHeaders(headers, clientHeaders);
  await apply({ issuer: client.issuer }, { client_id: client.id ?? "anonymous" }, body, headers);
  rememberSent(headers, body, { headers: clientHeaders.secret });
  headers.set("content-type", "application/x-www-form-urlencoded;charset=UTF-8");
  return { headers: Object.fromEntries(headers), body: body.toString() };
}

/** Returns the outcome of a revocation request, or the error to reject with. */
function readOutcome(
  { status, headers, body }: BoundedResponse,
  server: string,
  endpointName: string,
): Revocation | McpAuthError {
  if (status >= 200 && status < 300) return "revoked";
  const members = parseJsonObject(body);
  if (members?.["error"] === "unsupported_token_type") return "unsupported";
  const oauthError = registeredError(members?.["error"]);
  const details = { ...errorFields(members), location: headers.get("location") };
  return revocationError(server, endpointName, { status, oauthError, details });
}

function revocationError(
  server: string,
  endpointName: string,
  { status, oauthError, details }: Omit<ErrorResponse, "retryAfter">,
): McpAuthError {
  const statusAndCode = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  if (isTemporaryStatus(status)) {
    const detail = `${endpointName} is not available now (${statusAndCode}). Try again later.`;
    return new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
      ...{ server, retryable: true, oauthError, details },
    });
  }
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${endpointName} did not revoke the token (${statusAndCode}). Check the client's "id" and ` +
      "credential, and that the token was issued to this client.",
    { server, oauthError, details },
  );
}

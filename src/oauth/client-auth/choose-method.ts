import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../config/spec.js";
import { findingText } from "../../diagnosis/finding.js";
import { unlistedMethodFinding } from "../../diagnosis/unlisted-method.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { type AttemptContext, warnOnce } from "../attempt.js";

/** The methods for each kind of credential, preferred first. */
const methods: Readonly<Record<CredentialSpec["kind"], readonly ClientAuthenticationMethod[]>> = {
  // Every server with client secrets supports one of the first two. The third needs a long secret.
  secret: ["client_secret_basic", "client_secret_post", "client_secret_jwt"],
  key: ["private_key_jwt"],
  // The server sees no difference. The client's registration says whether the client or its platform signs the
  // assertion.
  assertion: ["private_key_jwt"],
  // Both send the same request. The client's registration says which of the two it is.
  certificate: ["tls_client_auth", "self_signed_tls_client_auth"],
  none: ["none"],
};

/**
 * Returns the client authentication method. It is the config's `method`, with a warning if the server does not list it.
 * Without a `method`, it is the first method for this credential that the server lists in
 * `token_endpoint_auth_methods_supported` (RFC 8414 §2), or the first of all if the server has no list.
 *
 * Throws `unsupported_by_server` if the list has none of them, so that a secret is not sent to a server that cannot use
 * it.
 */
export function chooseMethod(
  client: Pick<ClientSpec, "method" | "credential" | "issuer">,
  metadata: Pick<AuthorizationServerMetadata, "token_endpoint_auth_methods_supported">,
  attempt: Pick<AttemptContext, "server" | "warn" | "warned">,
): ClientAuthenticationMethod {
  const listed = metadata.token_endpoint_auth_methods_supported;
  const isListed = (method: string): boolean => listed === undefined || listed.includes(method);
  if (client.method !== undefined) {
    if (!isListed(client.method)) warnOnce(attempt, `authentication at ${client.issuer}`);
    return client.method;
  }
  const { server } = attempt;
  const possible = methods[client.credential.kind];
  const chosen = possible.find(isListed);
  if (chosen !== undefined) return chosen;
  const { issuer, credential } = client;
  const finding = unlistedMethodFinding({
    issuer,
    credential: credential.kind,
    possible,
    listed: listed ?? [],
  });
  throw new McpAuthError("unsupported_by_server", `Server "${server}": ${findingText(finding)}`, {
    server,
    details: { token_endpoint_auth_methods_supported: listed },
  });
}

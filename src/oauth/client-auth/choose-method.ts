import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../config/spec.js";
import { unlistedMethodFinding } from "../../diagnosis/client-auth-method.js";
import { findingText } from "../../diagnosis/finding.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { type AttemptContext, warnOnce } from "../attempt.js";

/** What each credential can be sent as, preferred first. */
const methods: Readonly<Record<CredentialSpec["kind"], readonly ClientAuthenticationMethod[]>> = {
  // Both of the first send the secret itself, as every server that has one expects; the third wants one that is long.
  secret: ["client_secret_basic", "client_secret_post", "client_secret_jwt"],
  key: ["private_key_jwt"],
  // For the server it is one: who has signed it is a matter of the client's registration.
  assertion: ["private_key_jwt"],
  // The same request. Which of the two is meant, only the registration says.
  certificate: ["tls_client_auth", "self_signed_tls_client_auth"],
  none: ["none"],
};

/**
 * The client authentication method: the config's `method`, else the first for this credential that the server lists
 * in `token_endpoint_auth_methods_supported` (RFC 8414 §2), else, without a list, the first of all. A `method` that
 * the list lacks is used all the same, with a warning.
 *
 * Throws `unsupported_by_server` when the list has none of them: a secret must not go to a server that cannot have
 * a use for it.
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

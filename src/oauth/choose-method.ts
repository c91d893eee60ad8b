import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { knownNames } from "../lib/known-names.js";

/** What each credential can be sent as, preferred first. */
const methods: Readonly<Record<CredentialSpec["kind"], readonly ClientAuthenticationMethod[]>> = {
  secret: ["client_secret_basic", "client_secret_post"],
  key: ["private_key_jwt"],
  none: ["none"],
};

/** The names of the IANA registry: a server's list is shown only as far as it consists of these. */
const registered: ReadonlySet<string> = new Set([
  "client_secret_basic",
  "client_secret_post",
  "client_secret_jwt",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth",
  "none",
]);

/**
 * The client authentication method: the config's `method`, else the first for this credential that the server lists
 * in `token_endpoint_auth_methods_supported` (RFC 8414 §2), else, without a list, the first of all.
 *
 * Throws `unsupported_by_server` when the list has none of them: a secret must not go to a server that cannot have
 * a use for it.
 */
export function chooseMethod(
  client: Pick<ClientSpec, "method" | "credential" | "issuer">,
  metadata: AuthorizationServerMetadata,
  server: string,
): ClientAuthenticationMethod {
  if (client.method !== undefined) return client.method;
  const possible = methods[client.credential.kind];
  const listed = metadata.token_endpoint_auth_methods_supported;
  const chosen = possible.find((method) => listed === undefined || listed.includes(method));
  if (chosen !== undefined) return chosen;
  throw new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": the authorization server ${client.issuer} does not take ${possible.join(" or ")}; it lists ` +
      `${knownNames(listed ?? [], registered) || "nothing"}. Use a credential that it takes, or set the client's "method" if the list is wrong.`,
    { server },
  );
}

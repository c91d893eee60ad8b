import type { ClientAuthenticationMethod, ClientSpec, CredentialSpec } from "../../config/spec.js";
import type { AuthorizationServerMetadata } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import { knownNames } from "../../lib/known-names.js";
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

/** The names of the IANA registry. Messages show only these names of a server's list. */
const registered: Readonly<Record<ClientAuthenticationMethod, true>> = {
  client_secret_basic: true,
  client_secret_post: true,
  client_secret_jwt: true,
  private_key_jwt: true,
  tls_client_auth: true,
  self_signed_tls_client_auth: true,
  none: true,
};
const registeredNames: ReadonlySet<string> = new Set(Object.keys(registered));

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
  const isPublic = client.credential.kind === "none";
  const refused = isPublic ? "a client without a credential" : alternatives(possible);
  const remedy = isPublic ? "Give the client a credential" : "Use a credential";
  throw new McpAuthError(
    "unsupported_by_server",
    `Server "${server}": the authorization server ${client.issuer} does not take ${refused}; it lists ` +
      `${knownNames(listed ?? [], registeredNames) || "nothing"}. ${remedy} that it takes, or set the client's "method" if the list is wrong.`,
    { server, details: { token_endpoint_auth_methods_supported: listed } },
  );
}

/** `a, b or c`. */
function alternatives(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} or ${last}`;
}

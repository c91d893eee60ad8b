import type { DiscoveredAuthorizationServer } from "../../index.js";

/** How a client proves who it is. */
export type CredentialKind = "secret" | "key" | "certificate";

const methods: Readonly<Record<CredentialKind, readonly string[]>> = {
  secret: ["client_secret_basic", "client_secret_post", "client_secret_jwt"],
  key: ["private_key_jwt"],
  certificate: ["tls_client_auth", "self_signed_tls_client_auth"],
};

/** In the order in which they are suggested: most clients have a secret. */
const kinds = ["secret", "key", "certificate"] as const;

/**
 * Returns the kinds of credentials that an authorization server lists a method for. RFC 8414 §2 says what holds without
 * a list: a secret.
 */
export function listedCredentials(
  server: Pick<DiscoveredAuthorizationServer, "authMethods"> | undefined,
): readonly CredentialKind[] {
  const { authMethods } = server ?? {};
  if (authMethods === undefined) return ["secret"];
  return kinds.filter((kind) => methods[kind].some((method) => authMethods.includes(method)));
}

/**
 * Returns the client authentication method that the runtime will choose, or `undefined` if the authorization server
 * lists none for this kind of credential.
 */
export function methodFor(
  kind: CredentialKind,
  { authMethods }: Pick<DiscoveredAuthorizationServer, "authMethods"> = {},
): string | undefined {
  return methods[kind].find((method) => authMethods === undefined || authMethods.includes(method));
}

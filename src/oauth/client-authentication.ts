import type { ClientSpec } from "../config/spec.js";
import type { AuthorizationServerMetadata } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import { readSecret } from "../secrets/read-secret.js";
import { chooseMethod } from "./choose-method.js";
import type { ClientAuth, ClientAuthenticationContext } from "./client-auth.js";
import { clientSecretBasic } from "./client-secret-basic.js";
import { clientSecretPost } from "./client-secret-post.js";
import { privateKeyJwt } from "./private-key-jwt.js";
import { publicClient } from "./public-client.js";

/**
 * How this client proves at this authorization server who it is (RFC 6749 §2.3, RFC 7523 §2.2). Secret and key are
 * read at each call, and not before it is known that the server takes them.
 *
 * Rejects with `unsupported_by_server`, `secret_unavailable` or `key_invalid`.
 */
export async function authenticateClient(
  client: ClientSpec,
  metadata: AuthorizationServerMetadata,
  context: ClientAuthenticationContext,
): Promise<ClientAuth> {
  const { credential } = client;
  const method = chooseMethod(client, metadata, context.server);
  if (method === "none") return publicClient;
  if (method === "private_key_jwt") {
    if (credential.kind !== "key") throw lacks("key", method, context.server);
    return await privateKeyJwt(credential.key, metadata, context);
  }
  if (credential.kind !== "secret") throw lacks("secret", method, context.server);
  const secret = await readSecret(credential.secret, context);
  return method === "client_secret_basic" ? clientSecretBasic(secret) : clientSecretPost(secret);
}

function lacks(what: "key" | "secret", method: string, server: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": the client's "method" is "${method}", which needs a "${what}", and it has none.`,
    { server },
  );
}

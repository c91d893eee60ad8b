import type { SecretReference } from "../../config/spec.js";
import { readClientSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { ClientAuth } from "./client-auth.js";

/**
 * `client_secret_post`, RFC 6749 §2.3.1: sends the id and the secret as form fields. Rejects with `secret_unavailable`.
 */
export async function clientSecretPost(
  reference: SecretReference,
  context: SecretContext,
): Promise<ClientAuth> {
  const secret = await readClientSecret(reference, context);
  return function addSecretToBody(_authorizationServer, client, body) {
    body.set("client_id", client.client_id);
    body.set("client_secret", secret.reveal());
  };
}

import type { SecretReference } from "../../config/spec.js";
import { readClientSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { PreparedAuth } from "./client-auth.js";
import { secretFacts } from "./secret-facts.js";

/**
 * `client_secret_post`, RFC 6749 §2.3.1: sends the id and the secret as form fields. Rejects with `secret_unavailable`.
 */
export async function clientSecretPost(
  reference: SecretReference,
  context: SecretContext,
): Promise<PreparedAuth> {
  const secret = await readClientSecret(reference, context);
  return {
    secret: secretFacts(reference, secret),
    apply: function addSecretToBody(_authorizationServer, client, body) {
      body.set("client_id", client.client_id);
      body.set("client_secret", secret.reveal());
    },
  };
}

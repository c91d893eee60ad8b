import type { Secret } from "../lib/secret.js";
import type { ClientAuth } from "./client-auth.js";

/** `client_secret_post`, RFC 6749 §2.3.1: id and secret as form parameters. */
export function clientSecretPost(secret: Secret): ClientAuth {
  return (_authorizationServer, client, body) => {
    body.set("client_id", client.client_id);
    body.set("client_secret", secret.reveal());
  };
}

import type { Secret } from "../lib/secret.js";
import type { ClientAuth } from "./client-auth.js";

/** `client_secret_basic`, RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. */
export function clientSecretBasic(secret: Secret): ClientAuth {
  return (_authorizationServer, client, _body, headers) => {
    const credentials = `${formEncode(client.client_id)}:${formEncode(secret.reveal())}`;
    headers.set("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
  };
}

/** One value as `application/x-www-form-urlencoded` has it, in UTF-8: a space is "+", only `*-._` are left as they are. */
function formEncode(value: string): string {
  return new URLSearchParams([["", value]]).toString().slice("=".length);
}

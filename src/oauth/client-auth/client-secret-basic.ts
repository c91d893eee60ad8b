import type { ClientSpec, SecretReference } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import type { Secret } from "../../lib/secret.js";
import { readClientSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { PreparedAuth } from "./client-auth.js";
import { secretFacts } from "./secret-facts.js";

/**
 * `client_secret_basic`, RFC 6749 §2.3.1: the id and the secret are form-encoded, joined with a colon, and sent in an
 * `Authorization` header. With the `basicEncoding` `raw` they are not form-encoded, for servers that do not decode them
 * (RFC 7617).
 *
 * Rejects with `secret_unavailable`, and with `config_invalid` for an id with a colon that is to be sent raw.
 */
export async function clientSecretBasic(
  reference: SecretReference,
  { id, basicEncoding = "form" }: Pick<ClientSpec, "id" | "basicEncoding">,
  context: SecretContext,
): Promise<PreparedAuth> {
  // RFC 7617 §2: the server splits at the first colon.
  if (basicEncoding === "raw" && id?.includes(":")) throw colonInId(context.server);
  const secret = await readClientSecret(reference, context);
  const encode = basicEncoding === "raw" ? (value: string) => value : formEncode;
  return {
    secret: secretFacts(reference, secret, isChanged(id ?? "", secret) ? basicEncoding : undefined),
    apply: function addBasicHeader(_authorizationServer, client, _body, headers) {
      const credentials = `${encode(client.client_id)}:${encode(secret.reveal())}`;
      headers.set("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
    },
  };
}

/** Returns whether form encoding changes the id or the secret, apart from white space around the secret. */
function isChanged(id: string, secret: Secret): boolean {
  return [id, secret.reveal().trim()].some((value) => formEncode(value) !== value);
}

/** Encodes a value as `application/x-www-form-urlencoded` in UTF-8. A space becomes "+". */
function formEncode(value: string): string {
  return new URLSearchParams([["", value]]).toString().slice("=".length);
}

function colonInId(server: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": the client's "id" contains a colon, which "basicEncoding": "raw" cannot send. Remove ` +
      '"basicEncoding", or set the client\'s "method" to "client_secret_post".',
    { server },
  );
}

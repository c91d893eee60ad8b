import type { ClientSpec, SecretReference } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { readClientSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { ClientAuth } from "./client-auth.js";

/**
 * `client_secret_basic`, RFC 6749 §2.3.1: id and secret are form-encoded before they are joined. With `basicEncoding`
 * `raw` they are not, for servers that take them as RFC 7617 has them and do not decode.
 *
 * Rejects with `secret_unavailable`, and with `config_invalid` for an id that cannot be sent raw.
 */
export async function clientSecretBasic(
  reference: SecretReference,
  { id, basicEncoding = "form" }: Pick<ClientSpec, "id" | "basicEncoding">,
  context: SecretContext,
): Promise<ClientAuth> {
  // RFC 7617 §2: the server would take what is before the first colon for the whole id.
  if (basicEncoding === "raw" && id?.includes(":")) throw colonInId(context.server);
  const secret = await readClientSecret(reference, context);
  const encode = basicEncoding === "raw" ? (value: string) => value : formEncode;
  return function addBasicHeader(_authorizationServer, client, _body, headers) {
    const credentials = `${encode(client.client_id)}:${encode(secret.reveal())}`;
    headers.set("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
  };
}

/** One value as `application/x-www-form-urlencoded` has it, in UTF-8: a space is "+", only `*-._` are left as they are. */
function formEncode(value: string): string {
  return new URLSearchParams([["", value]]).toString().slice("=".length);
}

function colonInId(server: string): McpAuthError {
  return new McpAuthError(
    "config_invalid",
    `Server "${server}": the client's "id" has a colon, with which "basicEncoding": "raw" cannot send it. Leave ` +
      '"basicEncoding" out, or set the client\'s "method" to "client_secret_post".',
    { server },
  );
}

import { capitalized } from "../../lib/printable.js";
import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { checkSecretValue } from "../secret-text.js";
import { ownerOf } from "./names.js";

/** Something was copied into the secret that does not belong to it. Never shows the secret. */
export function checkSecretText({ endpoint }: RejectedRequest): Finding | undefined {
  const { secret } = endpoint.sent?.authentication ?? {};
  if (secret === undefined) return undefined;
  const finding = checkSecretValue(secret.value.reveal(), "client secret", secret.source);
  // There, the cause continues a sentence.
  return finding?.cause === undefined ? finding : { ...finding, cause: capitalized(finding.cause) };
}

/**
 * The server may not decode what form encoding changes (RFC 6749 §2.3.1), or may decode what was sent raw. Returns
 * `undefined` if the id and the secret have no character that makes a difference.
 */
export function checkBasicEncoding(request: RejectedRequest): Finding | undefined {
  const { endpoint } = request;
  const { secret } = endpoint.sent?.authentication ?? {};
  // The character that form encoding changes may be what is wrong with the secret.
  if (secret?.basicEncoding === undefined || checkSecretText(request) !== undefined) return undefined;
  return {
    id: "basic_encoding",
    remedy:
      secret.basicEncoding === "form"
        ? 'Try the client\'s "basicEncoding": "raw", because its "id" or secret has characters that form encoding ' +
          "changes, and some servers do not decode them."
        : 'Try it without the client\'s "basicEncoding": "raw", because its "id" or secret has characters that servers ' +
          "decode if they follow RFC 6749.",
  };
}

/** The client may be registered for the other method that sends a secret. */
export function checkSecretMethod({ endpoint }: RejectedRequest): Finding | undefined {
  const { method, listedMethods } = endpoint.sent?.authentication ?? {};
  const other = otherSecretMethod(method);
  if (other === undefined) return undefined;
  if (listedMethods !== undefined && !listedMethods.includes(other)) return undefined;
  return {
    id: "other_secret_method",
    remedy:
      `Try ${ownerOf(endpoint)} "method": "${other}", which it may be registered for: the secret was sent with ` +
      `${method}.`,
  };
}

/**
 * Returns whether the server says that it wants the other method: it names that one, and not as one of several that the
 * client could use.
 */
export function isOtherMethodWanted({ endpoint, rejection: { explanation = "" } }: RejectedRequest): boolean {
  const other = otherSecretMethod(endpoint.sent?.authentication?.method);
  if (other === undefined) return false;
  const isList = /client_secret_\w+\W+(?:(?:or|and)\W+)?client_secret_/i.test(explanation);
  return explanation.includes(other) && !isList;
}

/** Returns the other of the two methods that send a secret; `undefined` for any other method. */
function otherSecretMethod(method: string | undefined): string | undefined {
  if (method === "client_secret_basic") return "client_secret_post";
  return method === "client_secret_post" ? "client_secret_basic" : undefined;
}

export function checkSecret({ endpoint }: RejectedRequest): Finding | undefined {
  if (endpoint.credential !== "secret") return undefined;
  return {
    id: "client_secret",
    remedy: `Check ${ownerOf(endpoint)} "id" and secret, and that it is registered at ${endpoint.issuer}.`,
  };
}

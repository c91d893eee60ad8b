import { decodeAnyText, decodeText, decodeUtf16 } from "../lib/decode-text.js";
import { isDerSequence } from "../lib/der.js";

/** What a reference holds. `key`: a private key or a certificate, which may be bytes instead of text. */
export type Content = "text" | "key";

/**
 * Decodes the content of a reference: text in UTF-8, and for a key also text in UTF-16. Other bytes of a key, such as
 * DER, become a `data:` URL, so that they are a string like any other value. Returns `undefined` for other content.
 */
export function decodeContent(bytes: Uint8Array, content: Content): string | undefined {
  if (content === "text") return decodeText(bytes);
  // A short key in DER could be text as well, but no text in use begins like one.
  const text = isDerSequence(bytes) ? undefined : decodeAnyText(bytes);
  return text ?? `data:;base64,${Buffer.from(bytes).toString("base64")}`;
}

/** Returns what bytes that are not UTF-8 are instead, for messages. */
export function whyNotText(bytes: Uint8Array): string {
  return decodeUtf16(bytes) === undefined
    ? "not text in UTF-8."
    : "UTF-16, as PowerShell writes files with >. Save it as UTF-8.";
}

import { parseJsonObject } from "../lib/json-object.js";
import type { Finding } from "./finding.js";
import { flawInWords, secretFlaws } from "./secret-flaws.js";

/** What a secret is used as. */
export type SecretUse = "client secret" | "token" | "other";

/**
 * Returns what is unusual about the text of a secret, before it is used. It may be right all the same. Shows nothing of
 * the text.
 *
 * @param source where the secret comes from, in words that begin with a lower-case letter
 */
export function checkSecretValue(text: string, use: SecretUse, source: string): Finding | undefined {
  // The earlier checks explain what the later ones find: a private key has line breaks.
  return (
    checkPrivateKey(text, source) ??
    checkDocument(text, source) ??
    checkPlaceholder(text, source) ??
    (use === "token" ? checkScheme(text, source) : undefined) ??
    checkFlaw(text, source) ??
    (use === "client secret" ? checkCharacters(text, source) : undefined)
  );
}

/** Returns what is unusual about the id of a client, which may come from a variable. */
export function checkClientId(id: string): Finding | undefined {
  const [flaw] = secretFlaws(id);
  if (flaw !== undefined) {
    const { what, unless } = flawInWords(flaw, id);
    return { id: "client_id_flaw", remedy: `Remove ${what} the client's "id", ${unless}.` };
  }
  if (isAscii(id)) return undefined;
  return {
    id: "client_id_not_ascii",
    cause: 'the client\'s "id" has characters outside of ASCII, which RFC 6749 does not allow.',
    remedy: "Compare it with the id at the authorization server.",
  };
}

function checkFlaw(text: string, source: string): Finding | undefined {
  const [flaw] = secretFlaws(text);
  if (flaw === undefined) return undefined;
  // One line break at the end has been removed already, so there were at least two.
  const { id, what, unless } = flawInWords(flaw, /[\r\n]$/.test(text) ? `${text}\n` : text);
  return { id, remedy: `Remove ${what} the secret in ${source}, ${unless}.` };
}

function checkPrivateKey(text: string, source: string): Finding | undefined {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) return undefined;
  return {
    id: "secret_is_private_key",
    cause: `${source} holds a private key, which would be sent as it is.`,
    remedy: 'For a client that signs, write "key": { "privateKey": … } in place of the secret.',
  };
}

function checkDocument(text: string, source: string): Finding | undefined {
  if (parseJsonObject(text) === undefined) return undefined;
  return {
    id: "secret_is_json",
    cause: `${source} holds a JSON document, which would be used as a whole.`,
    remedy: 'To use one of its fields, add a "pointer" to the reference.',
  };
}

/** A variable in another notation, a reference of 1Password, or a text that stands for the secret. */
const placeholder = /^(?:\$\{?[A-Za-z_]\w*\}?|%[A-Za-z_]\w*%|\{\{.*\}\}|op:\/\/.+|<[^<>]+>|\*{3,})$/;

function checkPlaceholder(text: string, source: string): Finding | undefined {
  if (!placeholder.test(text.trim())) return undefined;
  return {
    id: "secret_is_placeholder",
    cause: `${source} holds a placeholder and not the secret.`,
    remedy: "Check the tool that should have replaced it.",
  };
}

function checkScheme(text: string, source: string): Finding | undefined {
  if (!/^bearer\s/i.test(text)) return undefined;
  return {
    id: "token_has_scheme",
    cause: `the token in ${source} begins with "Bearer".`,
    remedy: "Remove that word, so that only the token is left.",
  };
}

function checkCharacters(text: string, source: string): Finding | undefined {
  if (isAscii(text)) return undefined;
  return {
    id: "secret_not_ascii",
    cause: `the secret in ${source} has characters outside of ASCII, which RFC 6749 does not allow.`,
    remedy: "Copy it again from the authorization server.",
  };
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

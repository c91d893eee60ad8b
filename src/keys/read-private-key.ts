import type { JsonObject } from "../lib/json-object.js";
import type { Secret } from "../lib/secret.js";
import { unwrap } from "../lib/unwrap.js";
import { importDer, privateKeyFormat } from "./der-key.js";
import { readJwk } from "./jwk.js";
import type { KeyMaterial } from "./key-material.js";
import { readPem } from "./pem.js";
import { KeyProblem, NotFound } from "./signing-key.js";

/**
 * Reads the private key in the content of a reference: PEM, DER, JWK, JWK Set, or the key file of a Google service
 * account, also inside of quotes, escapes and base64. `kid` selects a key of a set. Throws `KeyProblem`; `NotFound` if
 * there is none of these.
 */
export function readPrivateKey(
  content: Secret,
  passphrase: Secret | undefined,
  kid?: string | false,
): KeyMaterial {
  const found = unwrap(content.reveal());
  switch (found.kind) {
    case "pem":
      return { privateKey: readPem(found.text, passphrase) };
    case "json":
      return readJson(found.value, passphrase, kid);
    case "bytes": {
      const format = privateKeyFormat(found.bytes);
      if (format === undefined) throw new NotFound();
      const damaged = "it is a key in DER that is damaged, or OpenSSL does not support its type.";
      return { privateKey: importDer(found.bytes, format, { passphrase, damaged }) };
    }
    case "other":
      throw new NotFound();
  }
}

function readJson(
  json: JsonObject,
  passphrase: Secret | undefined,
  kid: string | false | undefined,
): KeyMaterial {
  if ("kty" in json || "keys" in json) return readJwk(json, kid);
  const { type, private_key: pem, private_key_id: id } = json;
  if (type !== "service_account" || typeof pem !== "string") throw new NotFound();
  const privateKey = readPem(pem, passphrase);
  if (typeof id !== "string" || id === "") return { privateKey };
  if (typeof kid === "string" && kid !== id) {
    throw new KeyProblem(
      'its "private_key_id" is not the "kid" of the config. Remove the "kid", or correct it.',
    );
  }
  return { privateKey, kid: id };
}

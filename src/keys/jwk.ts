import { createPrivateKey } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";
import { isJsonObject, type JsonObject } from "../lib/json-object.js";
import type { KeyMaterial } from "./key-material.js";
import { KeyProblem } from "./signing-key.js";

/** The members of a private key by `kty`: RFC 7518 §6, RFC 8037 §2. Other members are not imported. */
const members: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["RSA", ["n", "e", "d", "p", "q", "dp", "dq", "qi"]],
  ["EC", ["crv", "x", "y", "d"]],
  ["OKP", ["crv", "x", "d"]],
]);

const curves: ReadonlyMap<unknown, readonly string[]> = new Map([
  ["EC", ["P-256", "P-384", "P-521"]],
  ["OKP", ["Ed25519"]],
]);

/**
 * Imports the private key of a JWK or a JWK Set (RFC 7517). In a set with several private keys, `kid` selects the key.
 * Throws `KeyProblem`.
 */
export function readJwk(json: JsonObject, kid: string | false | undefined): KeyMaterial {
  const { keys } = json;
  return importJwk(Array.isArray(keys) ? chooseFromSet(keys, kid) : json);
}

function chooseFromSet(keys: readonly unknown[], kid: string | false | undefined): JsonObject {
  const privateKeys = keys
    .filter(isJsonObject)
    .filter(({ d, use }) => typeof d === "string" && use !== "enc");
  const [first, second] = privateKeys;
  if (first === undefined) throw new KeyProblem("it is a JWK Set without a private key that signs.");
  if (second === undefined) return first;
  if (typeof kid !== "string") {
    throw new KeyProblem(
      `it is a JWK Set with ${privateKeys.length} private keys. Set the key's "kid" to the one to use.`,
    );
  }
  const [chosen, another] = privateKeys.filter((key) => key["kid"] === kid);
  if (chosen === undefined) {
    throw new KeyProblem(`it is a JWK Set in which none of the private keys has the "kid" of the config.`);
  }
  if (another !== undefined) {
    throw new KeyProblem(`it is a JWK Set in which several private keys have the "kid" of the config.`);
  }
  return chosen;
}

function importJwk(jwk: JsonObject): KeyMaterial {
  const { kty, crv, kid, alg, use, d, oth, key_ops: operations } = jwk;
  const names = members.get(kty);
  if (kty === "oct") {
    throw new KeyProblem(
      'it is a symmetric key ("oct"). Use an RSA, EC or Ed25519 key: npx mcp-auth-runtime keys generate creates one. ' +
        'A client secret belongs in "secret".',
    );
  }
  if (names === undefined) throw new KeyProblem('its "kty" is not "RSA", "EC" or "OKP".');
  const allowed = curves.get(kty);
  if (allowed !== undefined && !allowed.some((name) => name === crv)) {
    throw new KeyProblem(`its curve is not supported: "crv" can be ${allowed.join(", ")} here.`);
  }
  if (d === undefined)
    throw new KeyProblem("it holds a public key. Name the private key that belongs to it.");
  if (oth !== undefined)
    throw new KeyProblem("it is an RSA key with more than two primes, which is not supported.");
  if (use !== undefined && use !== "sig")
    throw new KeyProblem('its "use" is not "sig": it is not meant to sign.');
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes("sign"))) {
    throw new KeyProblem('its "key_ops" lack "sign": it is not meant to sign.');
  }
  return {
    privateKey: createFromMembers(jwk, String(kty), names),
    ...optionalString("kid", kid),
    ...optionalString("alg", alg),
  };
}

function createFromMembers(
  jwk: JsonObject,
  kty: string,
  names: readonly string[],
): KeyMaterial["privateKey"] {
  const key: Record<string, string> = { kty };
  for (const name of names) {
    const value = jwk[name];
    if (typeof value !== "string" || value === "") {
      throw new KeyProblem(`its "${name}" is missing. A private key of type ${kty} has ${names.join(", ")}.`);
    }
    key[name] = value;
  }
  try {
    return createPrivateKey({ key, format: "jwk" });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    throw new KeyProblem("its members do not form a private key: it is damaged.");
  }
}

function optionalString<Name extends string>(
  name: Name,
  value: unknown,
): { readonly [key in Name]?: string } {
  if (value === undefined) return {};
  if (typeof value !== "string" || value === "")
    throw new KeyProblem(`its "${name}" is not a string, or it is empty.`);
  // TypeScript widens a computed name to an index signature. The object has only this member.
  return { [name]: value } as { readonly [key in Name]?: string };
}

import { createPublicKey, type KeyObject } from "node:crypto";
import type { PublicJwk, SigningKey } from "./signing-key.js";

/** The public members by key type, RFC 7518 §6 and RFC 8037 §2. No other member of a key is ever copied. */
const publicMembers: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ["EC", ["kty", "crv", "x", "y"]],
  ["OKP", ["kty", "crv", "x"]],
  ["RSA", ["kty", "n", "e"]],
]);

/**
 * Returns the public key of a signing key as an authorization server registers it (RFC 7517 §4), with the `kid` that
 * the runtime sends. It has an `alg` only if the key signs with no other algorithm. `undefined` for a signer whose
 * public key is not known.
 */
export function registeredJwk({ publicJwk, kid, algorithms }: SigningKey): PublicJwk | undefined {
  if (publicJwk === undefined) return undefined;
  const [alg, other] = algorithms;
  return {
    ...onlyPublicMembers(publicJwk),
    ...(kid !== undefined && { kid }),
    ...(alg !== undefined && other === undefined && { alg }),
    use: "sig",
  };
}

/** Returns the public half of a private or public key, RFC 7517. */
export function publicHalf(key: KeyObject): PublicJwk {
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  // All members of a public JWK are strings.
  return onlyPublicMembers(publicKey.export({ format: "jwk" }) as PublicJwk);
}

/** Copies the public members. Throws for a symmetric key, which has none. */
export function onlyPublicMembers(jwk: PublicJwk): PublicJwk {
  const names = publicMembers.get(jwk["kty"]);
  if (names === undefined) throw new TypeError("A key of this type has no public half.");
  return Object.fromEntries(names.map((name) => [name, jwk[name] ?? ""]));
}

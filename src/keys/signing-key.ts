import type { KeyObject } from "node:crypto";
import type { SecretReference } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { describeReference } from "../secrets/reference.js";

/** A JOSE header, RFC 7515 §4, as far as we send one. */
export interface JwtHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
}

/** JWT claims, RFC 7519 §4. */
export type JwtClaims = Readonly<Record<string, unknown>>;

/** The public half of a key, RFC 7517: what a server is given to register. */
export type PublicJwk = Readonly<Record<string, string>>;

/** A private key that is ready to sign, with everything that goes with it. It cannot be read back out. */
export interface SigningKey {
  /** What goes into the header; `undefined` sends none. */
  readonly kid: string | undefined;
  /** What this key may sign with, best first; one alone when the config or the JWK says which. */
  readonly algorithms: readonly string[];
  /** The config's `alg`: used whatever the server lists. */
  readonly configuredAlgorithm: string | undefined;
  readonly publicJwk: PublicJwk;
  /** Signs a JWT in compact form, RFC 7519 §7.1. */
  sign(header: JwtHeader, claims: JwtClaims): Promise<string>;
}

/** A private key as it was read, before anything is known about its use. */
export interface KeyMaterial {
  readonly privateKey: KeyObject;
  /** The `kid` of the JWK. */
  readonly kid?: string;
  /** The `alg` of the JWK. */
  readonly alg?: string;
}

/** What is wrong with a key, in words without anything of its content. Becomes `key_invalid` in `loadKey`. */
export class KeyProblem extends Error {}

/** A key that cannot be used: says where it is and what is wrong, never anything of its content. */
export function keyInvalid(reference: SecretReference, server: string, problem: string): McpAuthError {
  return new McpAuthError(
    "key_invalid",
    `Server "${server}": the private key in ${describeReference(reference)} cannot be used: ${problem}`,
    { server },
  );
}

import type { KeyObject } from "node:crypto";
import type { SecretReference, SignerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { quoted } from "../lib/printable.js";
import { isProgrammingError } from "../lib/programming-error.js";
import { unreachable } from "../lib/unreachable.js";
import type { SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";

/** A JOSE header, RFC 7515 §4, as far as we send one. */
export interface JwtHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  /** RFC 7515 §4.1.8. */
  readonly "x5t#S256"?: string;
  /** RFC 7515 §4.1.3, for DPoP proofs. */
  readonly jwk?: PublicJwk;
}

/** JWT claims, RFC 7519 §4. */
export type JwtClaims = Readonly<Record<string, unknown>>;

/** The public half of a key, RFC 7517: what a server is given to register. */
export type PublicJwk = Readonly<Record<string, string>>;

/**
 * Signs with a key that never leaves where it is; what it throws reaches nobody. Gives the signature as the config's
 * `format` says: `raw` as JOSE has it, or for ECDSA as DER.
 */
export type Signer = (request: {
  readonly alg: string;
  readonly kid: string | undefined;
  /** What is to be signed, RFC 7515 §5.1: ASCII. Not hashed. */
  readonly input: Uint8Array;
  readonly signal: AbortSignal;
}) => Uint8Array | Promise<Uint8Array>;

/** The fields that loading a key or certificate uses. An attempt at a token request is itself a `KeyContext`. */
export interface KeyContext extends SecretContext {
  /** The functions that `{ "signer": { "name": … } }` names. */
  readonly signers?: Readonly<Record<string, Signer>> | undefined;
}

/** A private key that is ready to sign, with everything that goes with it. It cannot be read back out. */
export interface SigningKey {
  /** What goes into the header; `undefined` sends none. */
  readonly kid: string | undefined;
  /** What this key may sign with, best first; one alone when the config or the JWK says which. */
  readonly algorithms: readonly string[];
  /** The config's `alg`: used whatever the server lists. */
  readonly configuredAlgorithm: string | undefined;
  /** `undefined` for a signer without a `certificate` that would tell. */
  readonly publicJwk: PublicJwk | undefined;
  /** The SHA-256 thumbprint of the key's certificate, base64url; `undefined` sends none. */
  readonly certificateThumbprint: string | undefined;
  /** The same object as long as it is the same key with the same `kid` and certificate. */
  readonly bundle: object;
  /** Signs a JWT in compact form, RFC 7519 §7.1. `signal` ends the wait for a signer outside of the process. */
  sign(header: JwtHeader, claims: JwtClaims, signal?: AbortSignal): Promise<string>;
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

/** What a file may also hold because it is being written, or the other file that belongs to it is. */
export class Unfinished extends KeyProblem {}

/** Two parts that would each be good with another: one of them may have been replaced a moment before the other. */
export class PartsDiffer extends Unfinished {}

/** A key or certificate that cannot be used: says where it is and what is wrong, never anything of its content. */
export function keyInvalid(
  reference: SecretReference,
  server: string,
  problem: string,
  what = "private key",
): McpAuthError {
  return new McpAuthError(
    "key_invalid",
    `Server "${server}": the ${what} in ${describeReference(reference)} cannot be used: ${problem}`,
    { server },
  );
}

/** Describes a failure. Only the message of a `KeyProblem` is shown; that of another error may quote the key. */
export function problemOf(error: unknown, what = "private key"): string {
  if (isProgrammingError(error)) throw error;
  return error instanceof KeyProblem ? error.message : `it cannot be read as a ${what}.`;
}

/** A failure of a signer outside of the process. Of a command only its name is shown: its arguments can be anything. */
export function signerUnavailable(
  server: string,
  signer: SignerSpec,
  problem: string,
  retryable = false,
): McpAuthError {
  return new McpAuthError(
    "signer_unavailable",
    `Server "${server}": nothing can be signed with the ${describeSigner(signer)}: ${problem}`,
    { server, retryable },
  );
}

function describeSigner(signer: SignerSpec): string {
  if ("name" in signer) return `function ${quoted(signer.name)}`;
  if ("exec" in signer) return `command ${quoted(signer.exec[0] ?? "")}`;
  return unreachable(signer);
}

/** RFC 7638, SHA-256. */
export async function thumbprintOf(publicJwk: PublicJwk): Promise<string> {
  const { calculateJwkThumbprint } = await import("jose");
  return await calculateJwkThumbprint({ ...publicJwk });
}

import type { CertificateHeader, SecretReference, SignerSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { quoted } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";
import type { SecretContext } from "../secrets/read-secret.js";
import { describeReference } from "../secrets/reference.js";

/** The header parameters that we send, RFC 7515 §4. */
export interface JwtHeader {
  readonly alg: string;
  readonly kid?: string;
  readonly typ?: string;
  /** RFC 7515 §4.1.6. */
  readonly x5c?: readonly string[];
  /** RFC 7515 §4.1.7. */
  readonly x5t?: string;
  /** RFC 7515 §4.1.8. */
  readonly "x5t#S256"?: string;
  /** RFC 7515 §4.1.3, for DPoP proofs. */
  readonly jwk?: PublicJwk;
}

/** JWT claims, RFC 7519 §4. */
export type JwtClaims = Readonly<Record<string, unknown>>;

/** The public half of a key, RFC 7517, which is registered at the authorization server. */
export type PublicJwk = Readonly<Record<string, string>>;

/**
 * Signs with a key that stays in a KMS or an HSM. Returns the signature in the config's `format`: `raw`, the form of
 * JOSE, or `der`, for ECDSA. An error that it throws is never shown.
 */
export type Signer = (request: {
  readonly alg: string;
  readonly kid: string | undefined;
  /** The signing input, RFC 7515 §5.1: ASCII, not hashed. */
  readonly input: Uint8Array;
  readonly signal: AbortSignal;
}) => Uint8Array | Promise<Uint8Array>;

/** The fields that loading a key or certificate uses. An attempt at a token request is itself a `KeyContext`. */
export interface KeyContext extends SecretContext {
  /** The functions that `{ "signer": { "name": … } }` names. */
  readonly signers?: Readonly<Record<string, Signer>> | undefined;
}

/**
 * A private key that is ready to sign, with the facts about it that requests need. The key itself is not accessible.
 */
export interface SigningKey {
  /** The `kid` of the header. `undefined`: the header has none. */
  readonly kid: string | undefined;
  /** Where the `kid` comes from. */
  readonly kidFrom?: "config" | "jwk" | "thumbprint" | undefined;
  /** The algorithms of this key, best first. Only one if the config or the JWK has an `alg`. */
  readonly algorithms: readonly string[];
  /** The config's `alg`, which is used even if the server does not list it. */
  readonly configuredAlgorithm: string | undefined;
  /** `undefined` for a signer without a `certificate`. */
  readonly publicJwk: PublicJwk | undefined;
  /** The SHA-256 thumbprint of the key's certificate, in base64url. `undefined`: the key has none. */
  readonly certificateThumbprint: string | undefined;
  /** The header parameters for the key's certificate. `undefined`: the key has none. */
  readonly certificateParameters: Pick<JwtHeader, CertificateHeader> | undefined;
  /** The same object as long as the key, its `kid` and its certificate stay the same. */
  readonly bundle: object;
  /** Signs a JWT in compact form, RFC 7519 §7.1. `signal` ends the wait for a signer outside of the process. */
  sign(header: JwtHeader, claims: JwtClaims, signal?: AbortSignal): Promise<string>;
}

/**
 * A problem with a key or certificate. The message shows nothing of its content. `keyInvalid` turns it into
 * `key_invalid`.
 */
export class KeyProblem extends Error {}

/** A problem that may pass, because this file, or another one that belongs to it, is being written. */
export class PossiblyUnfinished extends KeyProblem {}

/** Two valid parts that do not belong together. One of them may have been replaced a moment before the other. */
export class PartsDiffer extends PossiblyUnfinished {}

/** The content holds no private key, or no certificate. `describeContent` says what it holds instead. */
export class NotFound extends PossiblyUnfinished {}

/** How messages call what a reference holds. */
export type KeyKind = "private key" | "certificate";

/** Returns the error for an invalid key or certificate. It names the reference and shows nothing of the content. */
export function keyInvalid(
  reference: SecretReference,
  server: string,
  problem: string,
  kind: KeyKind = "private key",
): McpAuthError {
  return new McpAuthError(
    "key_invalid",
    `Server "${server}": the ${kind} in ${describeReference(reference)} cannot be used: ${problem}`,
    { server },
  );
}

/** Describes a failure. Only the message of a `KeyProblem` is shown; that of another error may quote the key. */
export function problemOf(error: unknown, kind: KeyKind = "private key"): string {
  if (isProgrammingError(error)) throw error;
  return error instanceof KeyProblem ? error.message : `it cannot be read as a ${kind}.`;
}

/** Returns the error for a failed signer. It names a command without its arguments, which may contain secrets. */
export function signerUnavailable(
  server: string,
  signer: SignerSpec,
  problem: string,
  retryable = false,
): McpAuthError {
  return new McpAuthError(
    "signer_unavailable",
    `Server "${server}": could not sign with the ${describeSigner(signer)}: ${problem}`,
    { server, retryable },
  );
}

function describeSigner(signer: SignerSpec): string {
  if ("name" in signer) return `function ${quoted(signer.name)}`;
  if ("exec" in signer) return `command ${quoted(signer.exec[0] ?? "")}`;
  return unreachable(signer);
}

/** Returns the JWK thumbprint with SHA-256, RFC 7638. */
export async function thumbprintOf(publicJwk: PublicJwk): Promise<string> {
  const { calculateJwkThumbprint } = await import("jose/jwk/thumbprint");
  return await calculateJwkThumbprint({ ...publicJwk });
}

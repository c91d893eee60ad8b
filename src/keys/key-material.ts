import type { KeyObject } from "node:crypto";

/** A private key as it was read, before anything is known about its use. */
export interface KeyMaterial {
  readonly privateKey: KeyObject;
  /** The `kid` of the JWK. */
  readonly kid?: string;
  /** The `alg` of the JWK. */
  readonly alg?: string;
}

import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { tokenEndpointAsksToWait } from "../oauth/error-marks.js";
import type { Token } from "./token.js";

export interface CooldownReliefOptions {
  /** Whether the credential differs from that of the last request. */
  readonly hasNewCredential?: (() => Promise<boolean>) | undefined;
  /** Whether the time in the last `Retry-After` of the token endpoint has not passed yet. */
  readonly isAskedToWait?: (() => boolean) | undefined;
  /** Returns a usable token of another process. */
  readonly findSharedToken?: (() => Promise<Token | undefined>) | undefined;
}

/** Milliseconds between two lookups of a token of another process. */
const lookupInterval = 1_000;

/** Codes of failures that another credential may fix. */
const credentialCodes: ReadonlySet<string> = new Set([
  "token_request_rejected",
  "secret_unavailable",
  "key_invalid",
  // The server may not accept the type of the key.
  "unsupported_by_server",
  // The server may have refused our certificate.
  "tls_failed",
]);

/** Whether another credential may fix the failure. */
export function concernsCredential(error: McpAuthError | undefined): boolean {
  return error !== undefined && credentialCodes.has(error.code);
}

/** Finds reasons to end a cool-down early. */
export class CooldownRelief {
  readonly #options: CooldownReliefOptions & { readonly clock: Clock };
  #lookup: Promise<Token | undefined> | undefined;
  #lookedUpAt = Number.NEGATIVE_INFINITY;
  #credentialCheck: Promise<boolean> | undefined;

  constructor(options: CooldownReliefOptions & { readonly clock: Clock }) {
    this.#options = options;
  }

  /** Whether the token endpoint asked for a wait that has ended since. A forced refresh may have ended it early. */
  hasWaitEnded(error: McpAuthError | undefined): boolean {
    return error !== undefined && tokenEndpointAsksToWait(error) && this.#options.isAskedToWait?.() === false;
  }

  /** Looks for a token of another process, once for all callers and at most once per second. */
  sharedToken(): Promise<Token | undefined> {
    const { findSharedToken, clock } = this.#options;
    if (this.#lookup !== undefined) return this.#lookup;
    const age = clock.now() - this.#lookedUpAt;
    if (findSharedToken === undefined || (age >= 0 && age < lookupInterval))
      return Promise.resolve(undefined);
    this.#lookedUpAt = clock.now();
    this.#lookup = findSharedToken().finally(() => {
      this.#lookup = undefined;
    });
    return this.#lookup;
  }

  /** Checks whether there is a new credential, once for all callers. */
  hasNewCredential(error: McpAuthError | undefined): Promise<boolean> {
    const { hasNewCredential } = this.#options;
    if (hasNewCredential === undefined || !concernsCredential(error)) return Promise.resolve(false);
    this.#credentialCheck ??= hasNewCredential().finally(() => {
      this.#credentialCheck = undefined;
    });
    return this.#credentialCheck;
  }
}

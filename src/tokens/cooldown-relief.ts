import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { tokenEndpointAsksToWait } from "../oauth/error-marks.js";
import type { Token } from "./token.js";

export interface CooldownReliefOptions {
  /** Whether the credential differs from that of the last request. */
  readonly hasNewCredential?: (() => Promise<boolean>) | undefined;
  /** Whether the wait that the authorization server asked for still lasts. */
  readonly isHeld?: (() => boolean) | undefined;
  /** Returns a usable token of another process. */
  readonly elsewhere?: (() => Promise<Token | undefined>) | undefined;
}

/** Milliseconds between two looks for a token of another process. */
const lookInterval = 1_000;

/** Codes of failures that another credential may fix. */
const ofCredential: ReadonlySet<string> = new Set([
  "token_request_rejected",
  "secret_unavailable",
  "key_invalid",
  // The server may not accept the type of the key.
  "unsupported_by_server",
  // The server may have refused our certificate.
  "tls_failed",
]);

/** Whether another credential may fix the failure. */
export function isOfCredential(error: McpAuthError | undefined): boolean {
  return error !== undefined && ofCredential.has(error.code);
}

/** Finds reasons to end a cool-down early. */
export class CooldownRelief {
  readonly #options: CooldownReliefOptions & { readonly clock: Clock };
  #look: Promise<Token | undefined> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #check: Promise<boolean> | undefined;

  constructor(options: CooldownReliefOptions & { readonly clock: Clock }) {
    this.#options = options;
  }

  /** Whether the failure was a wait that the server asked for, and that has ended. A forced refresh may have ended it. */
  isHoldLifted(error: McpAuthError | undefined): boolean {
    return error !== undefined && tokenEndpointAsksToWait(error) && this.#options.isHeld?.() === false;
  }

  /** Looks for a token of another process, once for all callers and at most once per second. */
  tokenElsewhere(): Promise<Token | undefined> {
    const { elsewhere, clock } = this.#options;
    if (this.#look !== undefined) return this.#look;
    const age = clock.now() - this.#lookedAt;
    if (elsewhere === undefined || (age >= 0 && age < lookInterval)) return Promise.resolve(undefined);
    this.#lookedAt = clock.now();
    this.#look = elsewhere().finally(() => {
      this.#look = undefined;
    });
    return this.#look;
  }

  /** Checks whether there is a new credential, once for all callers. */
  hasNewCredential(error: McpAuthError | undefined): Promise<boolean> {
    const { hasNewCredential } = this.#options;
    if (hasNewCredential === undefined || !isOfCredential(error)) return Promise.resolve(false);
    this.#check ??= hasNewCredential().finally(() => {
      this.#check = undefined;
    });
    return this.#check;
  }
}

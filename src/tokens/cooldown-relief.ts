import type { McpAuthError } from "../errors/error.js";
import type { Clock } from "../lib/clock.js";
import { tokenEndpointAsksToWait } from "../oauth/token-endpoint/asked-to-wait.js";
import type { Token } from "./token.js";

export interface CooldownReliefOptions {
  /** Whether the credential is another one than that of the last request. */
  readonly hasNewCredential?: (() => Promise<boolean>) | undefined;
  /** Whether the authorization server still wants to be left alone. */
  readonly isHeld?: (() => boolean) | undefined;
  /** A usable token that another process has got. */
  readonly elsewhere?: (() => Promise<Token | undefined>) | undefined;
}

/** Milliseconds. */
const lookedAgainAfter = 1_000;

/** What a wrong credential fails with, and another may mend. */
const ofCredential: ReadonlySet<string> = new Set([
  "token_request_rejected",
  "secret_unavailable",
  "key_invalid",
  // The key may be of a kind that the server does not take.
  "unsupported_by_server",
  // The server may have refused our certificate.
  "tls_failed",
]);

/** Whether another credential may mend it. Anything else it does not, and there may be a new one with each call. */
export function isOfCredential(error: McpAuthError | undefined): boolean {
  return error !== undefined && ofCredential.has(error.code);
}

/** What can end a cool-down before its time. */
export class CooldownRelief {
  readonly #options: CooldownReliefOptions & { readonly clock: Clock };
  #looking: Promise<Token | undefined> | undefined;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #checking: Promise<boolean> | undefined;

  constructor(options: CooldownReliefOptions & { readonly clock: Clock }) {
    this.#options = options;
  }

  /** Somebody who forced a request may have found that the server, which asked to be left alone, is there again. */
  isHoldLifted(error: McpAuthError | undefined): boolean {
    return error !== undefined && tokenEndpointAsksToWait(error) && this.#options.isHeld?.() === false;
  }

  /** Looked for once for all callers whom the cool-down keeps waiting, and no more than once a second. */
  tokenElsewhere(): Promise<Token | undefined> {
    const { elsewhere, clock } = this.#options;
    if (this.#looking !== undefined) return this.#looking;
    const age = clock.now() - this.#lookedAt;
    if (elsewhere === undefined || (age >= 0 && age < lookedAgainAfter)) return Promise.resolve(undefined);
    this.#lookedAt = clock.now();
    this.#looking = elsewhere().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  /** Asked once for all callers whom the cool-down keeps waiting. */
  hasNewCredential(error: McpAuthError | undefined): Promise<boolean> {
    const { hasNewCredential } = this.#options;
    if (hasNewCredential === undefined || !isOfCredential(error)) return Promise.resolve(false);
    this.#checking ??= hasNewCredential().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }
}

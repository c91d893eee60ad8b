import type { McpAuthError } from "../errors/error.js";
import { tokenEndpointAsksToWait } from "../oauth/asked-to-wait.js";

export interface CooldownReliefOptions {
  /** Whether the credential is another one than that of the last request. */
  readonly hasNewCredential?: (() => Promise<boolean>) | undefined;
  /** Whether the authorization server still wants to be left alone. */
  readonly isHeld?: (() => boolean) | undefined;
}

/** What a wrong credential fails with, and another may mend. */
const ofCredential: ReadonlySet<string> = new Set([
  "token_request_rejected",
  "secret_unavailable",
  "key_invalid",
  // The server may have refused our certificate.
  "tls_failed",
]);

/** Whether another credential may mend it. Anything else it does not, and there may be a new one with each call. */
export function isOfCredential(error: McpAuthError | undefined): boolean {
  return error !== undefined && ofCredential.has(error.code);
}

/** What can end a cool-down before its time. */
export class CooldownRelief {
  readonly #options: CooldownReliefOptions;
  #checking: Promise<boolean> | undefined;

  constructor(options: CooldownReliefOptions) {
    this.#options = options;
  }

  /** Somebody who forced a request may have found that the server, which asked to be left alone, is there again. */
  isHoldLifted(error: McpAuthError | undefined): boolean {
    return error !== undefined && tokenEndpointAsksToWait(error) && this.#options.isHeld?.() === false;
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

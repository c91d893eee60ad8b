import type { McpAuthError } from "../errors/error.js";
import type { TokenCache } from "../tokens/cache.js";
import type { Token } from "../tokens/token.js";
import type { McpClientCapabilities } from "./client-capabilities.js";
import { type ManagerInternals, managerInternals } from "./manager-internals.js";
import type { TokenManagerStatus } from "./token-manager.js";

/**
 * Replaces `LiveServer` for a server that cannot be used: its config has no URL or client, or it was removed. Every use
 * fails with the reason.
 */
export class UnusableServer {
  readonly #server: string;
  readonly #failure: McpAuthError;

  constructor(server: string, failure: McpAuthError) {
    this.#server = server;
    this.#failure = failure;
  }

  get url(): string {
    return this.fail();
  }

  get clientCapabilities(): McpClientCapabilities {
    return this.fail();
  }

  get [managerInternals](): ManagerInternals {
    return this.fail();
  }

  async fetch(): Promise<never> {
    return this.fail();
  }

  freshToken(): Token | undefined {
    return this.fail();
  }

  cacheFor(): TokenCache {
    return this.fail();
  }

  async getHeaders(): Promise<never> {
    return this.fail();
  }

  status(): TokenManagerStatus {
    return unusableStatus(this.#server, this.#failure);
  }

  fail(): never {
    throw this.#failure;
  }
}

/** Returns the status of a server that cannot be used. */
export function unusableStatus(server: string, failure: McpAuthError): TokenManagerStatus {
  return { server, state: "none", lastError: failure };
}

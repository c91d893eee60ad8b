import { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";

/** More scopes than any server has. Limits how many scopes a server can add with its challenges. */
const maxScopes = 256;

export interface StepUpsOptions {
  readonly server: string;
  readonly caches: CachesByScope;
  /** Returns the default scopes that the server named, for a config that leaves the scopes to it. */
  readonly learnedScopes: () => readonly string[];
  /** Whether the config names the scopes. */
  readonly configNamesScopes: boolean;
}

interface StepUpCall {
  readonly scopes: readonly string[];
  readonly resolve: (token: Token) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Adds scopes to the default ones of a manager. While one token request is in flight, further calls are collected, and
 * the next request is for the scopes of all of them. If it fails permanently, one of them may be the reason, so each
 * call gets a request of its own.
 */
export class StepUps {
  readonly #options: StepUpsOptions;
  #calls: StepUpCall[] = [];
  #isProcessing = false;

  constructor(options: StepUpsOptions) {
    this.#options = options;
  }

  /** The scopes that are requested already. */
  get requestedScopes(): readonly string[] {
    return this.#options.caches.scopes ?? this.#options.learnedScopes();
  }

  /** Returns a token that also has these scopes. Rejects with the codes of `getAccessToken`. */
  widen(scopes: readonly string[]): Promise<Token> {
    return new Promise((resolve, reject) => {
      this.#calls.push({ scopes, resolve, reject });
      if (!this.#isProcessing) void this.#processCalls();
    });
  }

  async #processCalls(): Promise<void> {
    this.#isProcessing = true;
    while (this.#calls.length > 0) {
      const calls = this.#calls;
      this.#calls = [];
      await this.#requestFor(calls);
    }
    this.#isProcessing = false;
  }

  /** Settles the calls with one request, or with one request each if that fails permanently. Never rejects. */
  async #requestFor(calls: readonly StepUpCall[]): Promise<void> {
    try {
      const token = await this.#request(calls.flatMap(({ scopes }) => scopes));
      for (const { resolve } of calls) resolve(token);
    } catch (error) {
      const isTemporary = error instanceof McpAuthError && (error.retryable || error.code === "stopped");
      if (calls.length === 1 || isTemporary) for (const { reject } of calls) reject(error);
      else for (const call of calls) await this.#requestFor([call]);
    }
  }

  async #request(scopes: readonly string[]): Promise<Token> {
    const { requestedScopes } = this;
    const { server, caches, configNamesScopes } = this.#options;
    const union = [...new Set([...requestedScopes, ...scopes])];
    if (union.length === new Set(requestedScopes).size)
      return await caches.defaultCache.getToken({ reason: "demand" });
    if (!configNamesScopes && union.length > maxScopes) throw tooManyScopes(server);
    const token = await caches.of(union).getToken({ reason: "demand" });
    caches.adopt(union);
    return token;
  }
}

function tooManyScopes(server: string): McpAuthError {
  return new McpAuthError(
    "insufficient_scope",
    `Server "${server}" has asked for more than ${maxScopes} scopes, so no token was requested. Write those that it ` +
      'needs into the grant\'s "scopes".',
    { server },
  );
}

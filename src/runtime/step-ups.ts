import { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";

/** More than any server has, and an end to a set to which a server adds with each challenge. */
const mostScopes = 256;

export interface StepUpsOptions {
  readonly server: string;
  readonly caches: CachesByScope;
  /** What the own set asks for where the config leaves the scopes to the server. */
  readonly learned: () => readonly string[];
  /** The config says which scopes there are. */
  readonly isBounded: boolean;
}

interface Wish {
  readonly scopes: readonly string[];
  readonly resolve: (token: Token) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Widens the manager's own scope set. Any number of calls may want more scopes at once: while one token request is under
 * way the wishes that come are collected, and the next request is for all of them. Where that is refused for good, one of
 * them may be to blame, and each is asked for by itself.
 */
export class StepUps {
  readonly #options: StepUpsOptions;
  #wishes: Wish[] = [];
  #isBusy = false;

  constructor(options: StepUpsOptions) {
    this.#options = options;
  }

  /** The scopes that are asked for already. */
  get held(): readonly string[] {
    return this.#options.caches.scopes ?? this.#options.learned();
  }

  /** A token with these scopes beside those that are asked for already. Rejects with the codes of `getAccessToken`. */
  widen(scopes: readonly string[]): Promise<Token> {
    return new Promise((resolve, reject) => {
      this.#wishes.push({ scopes, resolve, reject });
      if (!this.#isBusy) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isBusy = true;
    while (this.#wishes.length > 0) {
      const wishes = this.#wishes;
      this.#wishes = [];
      await this.#grant(wishes);
    }
    this.#isBusy = false;
  }

  /** Never rejects. */
  async #grant(wishes: readonly Wish[]): Promise<void> {
    try {
      const token = await this.#request(wishes.flatMap(({ scopes }) => scopes));
      for (const { resolve } of wishes) resolve(token);
    } catch (error) {
      const mayPass = error instanceof McpAuthError && (error.retryable || error.code === "stopped");
      if (wishes.length === 1 || mayPass) for (const { reject } of wishes) reject(error);
      else for (const wish of wishes) await this.#grant([wish]);
    }
  }

  async #request(scopes: readonly string[]): Promise<Token> {
    const { held } = this;
    const { server, caches, isBounded } = this.#options;
    const union = [...new Set([...held, ...scopes])];
    if (union.length === new Set(held).size) return await caches.defaultCache.getToken({ reason: "demand" });
    if (!isBounded && union.length > mostScopes) throw tooManyScopes(server);
    const token = await caches.of(union).getToken({ reason: "demand" });
    caches.adopt(union);
    return token;
  }
}

function tooManyScopes(server: string): McpAuthError {
  return new McpAuthError(
    "insufficient_scope",
    `Server "${server}" has asked for more than ${mostScopes} scopes, so no token was requested. Write those that it ` +
      'needs into the grant\'s "scopes".',
    { server },
  );
}

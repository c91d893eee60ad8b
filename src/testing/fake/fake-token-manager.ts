import { McpAuthError } from "../../errors/error.js";
import { internalsOf } from "../../runtime/manager-internals.js";
import { ServerTokens } from "../../runtime/server-tokens.js";
import type { RuntimeSubject } from "../../runtime/subjects.js";
import type { TokenManager } from "../../runtime/token-manager.js";
import type { TokenCache } from "../../tokens/cache.js";
import { assertFailure, type FakeFailure } from "./fake-failures.js";
import type { FakeServer, FakeTokenRequest } from "./fake-server.js";

/** What a test does to a server of `fakeMcpAuth`. It applies to all scopes, and to all users of `for()`. */
export interface FakeControls {
  /** The token requests so far, in the order in which they were sent. */
  readonly requests: readonly FakeTokenRequest[];
  /** The current tokens expire now. The next call requests a new one. */
  expire(): void;
  /**
   * The MCP server refuses the current tokens from now on: it answers 401 to them. It accepts new ones. Only requests
   * through `fetch` see it.
   */
  reject(): void;
  /**
   * From now on, each token request fails with this code, until `recover()`. A token that is still usable stays in use,
   * as in production; call `expire()` too for an agent without a token. With `insufficient_scope`, the MCP server
   * answers 403 instead, and `fetch` rejects.
   *
   * Throws `config_invalid` for a code that is not a `FakeFailure`.
   */
  fail(code: FakeFailure): void;
  /** Ends `fail()`, and the cool-down after it: the next call succeeds. */
  recover(): void;
}

/** A manager of `fakeMcpAuth`. */
export interface FakeTokenManager extends TokenManager, FakeControls {}

/** Adds the controls to a manager of the runtime. */
export function withControls(manager: TokenManager, server: FakeServer): FakeTokenManager {
  // Users too, until the first control after `forget()`.
  const managers = new Set([manager]);
  const forUser = manager.for.bind(manager);
  const currentTokens = (): readonly ServerTokens[] =>
    [...managers].flatMap((each) => {
      const tokens = tokensOf(each);
      if (tokens === undefined) managers.delete(each);
      return tokens ?? [];
    });
  return Object.assign(manager, {
    requests: server.requests,
    expire() {
      // To the tokens, it is the same whether the clock was set back or they were issued that much earlier.
      for (const { caches } of currentTokens()) caches.clockSetBack(server.lifetime);
    },
    reject: () => server.refuseTokens(),
    fail(code: FakeFailure) {
      assertFailure(code);
      server.setFailure(code);
    },
    recover() {
      server.setFailure(undefined);
      for (const tokens of currentTokens())
        for (const cache of cachesOf(tokens, server.requests)) endCooldown(cache);
    },
    for(subject: RuntimeSubject) {
      const user = forUser(subject);
      managers.add(user);
      return user;
    },
  });
}

/** Returns the tokens of a manager, which a reload may replace, `undefined` for a user after `forget()`. */
function tokensOf(manager: TokenManager): ServerTokens | undefined {
  const { signal } = new AbortController();
  let tokens: unknown;
  try {
    tokens = internalsOf(manager).attempt({ signal }).manager;
  } catch (error) {
    if (error instanceof McpAuthError && error.code === "secret_unavailable") return undefined;
    throw error;
  }
  if (!(tokens instanceof ServerTokens)) throw new TypeError("This manager has no tokens of its own.");
  return tokens;
}

/** Returns the caches of all scopes for which tokens were requested. */
function cachesOf({ caches }: ServerTokens, requests: readonly FakeTokenRequest[]): ReadonlySet<TokenCache> {
  const scopeSets = new Set(requests.map(({ scopes }) => scopes.join(" ")));
  return new Set([
    caches.defaultCache,
    ...[...scopeSets].map((scopes) => caches.of(scopes === "" ? [] : scopes.split(" "))),
  ]);
}

/** Ends the cool-down as a new credential does. The last error stays until a token arrives. */
function endCooldown(cache: TokenCache): void {
  const { lastError } = cache.snapshot();
  if (lastError === undefined) return;
  cache.noteRefusedAgain(
    new McpAuthError("token_request_rejected", "A failure that another credential ends."),
  );
  cache.credentialChanged();
  cache.noteRefusedAgain(lastError);
}

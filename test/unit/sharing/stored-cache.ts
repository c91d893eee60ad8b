import type { Clock } from "../../../src/lib/clock.js";
import { parseJsonObject } from "../../../src/lib/json-object.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { SharedTokens } from "../../../src/sharing/shared-tokens.js";
import { SharedStore } from "../../../src/stores/shared-store.js";
import type { TokenStore } from "../../../src/stores/store.js";
import { TokenCache } from "../../../src/tokens/cache.js";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import type { TokenSource } from "../../../src/tokens/source.js";
import { Token } from "../../../src/tokens/token.js";
import { withRetry } from "../../../src/tokens/with-retry.js";
import { issuer, second, server } from "../tokens/fixtures.js";

export interface StoredCacheOptions {
  readonly clock: Clock;
  /** `undefined` as for a config without a store. */
  readonly store: TokenStore | undefined;
  /** Sends the token request. */
  readonly attempt: TokenSource;
  /** `false`: the token must not be stored. */
  readonly isStored?: boolean;
  /** Wraps the outermost source. */
  readonly around?: (source: TokenSource) => TokenSource;
  readonly onPlan?: (nextRefreshAt: number | undefined) => void;
}

export interface StoredCache {
  readonly cache: TokenCache;
  stop(): Promise<void>;
}

/** Connects the token sources of one process, with a store, to a cache, as the runtime does. Nothing is random. */
export function storedCache({ clock, store, attempt, ...options }: StoredCacheOptions): StoredCache {
  const { isStored = true, around = (source) => source, onPlan = () => {} } = options;
  const random = () => 0.5;
  const common = { server, issuer, clock, report: () => {} };
  const policy = { jitter: 0.2, random };
  const retry = { attempts: 1, min: 250, max: 10 * second };
  const retryOptions = {
    server,
    endpoint: issuer,
    clock,
    random,
    retry,
    deadline: 30 * second,
    retryAfterRegistry: new RetryAfterRegistry(),
  };
  const memory = new CredentialMemory();
  const shared = store && new SharedStore({ store, keys: false, lease: 10 * second, clock });
  const stored =
    shared &&
    new SharedTokens({
      ...{ ...common, policy, store: shared, maxLockWait: 20 * second },
      entryOf: async (signal) => {
        const recorder = new CredentialRecorder(clock, memory, signal);
        return isStored ? { key: "token:1", recorder } : undefined;
      },
      restore: async (text) => restored(text),
      currentToken: () => cache.latest,
    });
  const source =
    stored === undefined
      ? withRetry(attempt, retryOptions)
      : withRetry(stored.wrap(attempt), {
          ...retryOptions,
          findExisting: (request) => stored.findFresh(request),
        });
  const cache: TokenCache = new TokenCache({
    ...{ ...common, policy, onPlan },
    sharedLimits: stored,
    findSharedToken: stored && (() => stored.findUsable()),
    source: around(source),
  });
  return {
    cache,
    async stop() {
      await cache.stop(5 * second);
      await shared?.close();
    },
  };
}

function restored(text: string): Token | undefined {
  const { accessToken, requestedAt, expiresAt } = parseJsonObject(text) ?? {};
  if (typeof accessToken !== "string" || typeof requestedAt !== "number" || typeof expiresAt !== "number")
    return undefined;
  const fields = { accessToken, requestedAt, expiresAt, issuer, resource: "https://mcp.example" };
  return new Token({ ...fields, tokenType: "Bearer", scopes: [], isShared: true });
}

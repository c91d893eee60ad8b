import type { GrantSpec, ServerSpec } from "../config/spec.js";
import type { McpAuthError } from "../errors/error.js";
import {
  type AttemptContext,
  type AttemptRequest,
  createAttempt,
  type Grant,
  type ManagerState,
} from "../oauth/attempt.js";
import type { CredentialMemory } from "../secrets/credential-memory.js";
import { CredentialRecorder } from "../secrets/credential-recorder.js";
import { isLocal } from "../secrets/reference.js";
import { SharedTokens, type SharedTokensOptions } from "../sharing/shared-tokens.js";
import { storeUnavailable } from "../stores/failure.js";
import { TokenCache } from "../tokens/cache.js";
import { grantSource, type PreparedAttempt } from "../tokens/grant-source.js";
import type { Report, TokenEvent } from "../tokens/token-event.js";
import { withEvents } from "../tokens/with-events.js";
import { withRetry } from "../tokens/with-retry.js";
import type { RuntimeContext } from "./runtime-context.js";

/** One token cache of a manager: that of one scope set. */
export interface PipelineOptions {
  /** Requested in place of the scopes of the config and the server. */
  readonly scopes: readonly string[] | undefined;
  /** Called with the time at which the token is to be renewed, in milliseconds since the epoch. */
  readonly onPlan: (renewAt: number | undefined) => void;
  /** Called when a credential differs from the previous one, which concerns all scope sets. */
  readonly onNewCredential: () => void;
}

/** The authorization server that issues the tokens; `undefined` for a static one. */
export function issuerOf(grant: GrantSpec): string | undefined {
  return grant.type === "static" ? undefined : grant.client.issuer;
}

/** A manager whose requests are compared with its previous ones. */
export type PipelineManager = ManagerState & { readonly credentials: CredentialMemory };

/** Connects the token sources from the grant to the cache, for one server and one scope set. */
export function createTokenPipeline(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  { scopes, onPlan, onNewCredential }: PipelineOptions,
): TokenCache {
  const { clock, random, retryAfter, events } = runtime;
  const { name: server, grant, refresh, retry, deadline } = spec;
  const issuer = issuerOf(grant);
  // A listener that asks for the new token is to find it: the event waits until that is in its place.
  let renewed: TokenEvent | undefined;
  const report: Report = (name, event) => {
    if (name === "secret:changed" || name === "key:rotated") onNewCredential();
    if (name === "token:renewed") renewed = event;
    else events.emit(name, event);
  };
  const common = { server, issuer, clock, report };
  const leaf = grantSource(prepareAttempts(spec, runtime, manager, scopes), {
    ...common,
    assumedLifetime: refresh.assumedLifetime,
  });
  const policy = { ahead: refresh.ahead, jitter: refresh.jitter, random };
  // The refresh_token grant needs the store. If that cannot be used, more time would not help.
  const causeOfTimeout = (): McpAuthError | undefined => {
    const failure = grant.type === "refresh_token" ? runtime.store?.failure : undefined;
    return failure && storeUnavailable(server, failure);
  };
  // What one token endpoint asks for says nothing of another one of the same issuer.
  const endpoint = grant.type === "static" ? undefined : (grant.client.metadata?.tokenEndpoint ?? issuer);
  const resilience = { server, endpoint, clock, random, retry, deadline, holds: retryAfter, causeOfTimeout };
  const attempt = withEvents(leaf, common);
  const stored = storedTokens(spec, runtime, manager, scopes, {
    ...{ ...common, policy },
    held: () => cache.latest,
  });
  const cache: TokenCache = new TokenCache({
    ...common,
    policy,
    sharedLimits: stored,
    isLocal: grant.type === "static" && isLocal(grant.token),
    onPlan,
    async hasNewCredential() {
      const { signal } = new AbortController();
      const { credentialsChanged } = await import("../secrets/credentials-changed.js");
      const hasChanged = await credentialsChanged(
        manager.credentials,
        createAttempt(runtime, { spec, signal }),
      );
      if (hasChanged) onNewCredential();
      return hasChanged;
    },
    onUntoldFailure: (error) => events.warnUnheard("token:failed", "background", error),
    isHeld: () => retryAfter.remaining(endpoint, clock.now()) > 0,
    onRenewed() {
      if (renewed !== undefined) events.emit("token:renewed", renewed);
      renewed = undefined;
    },
    elsewhere: stored && (() => stored.elsewhere()),
    source:
      stored === undefined
        ? withRetry(attempt, resilience)
        : withRetry(stored.around(attempt), { ...resilience, present: (request) => stored.present(request) }),
  });
  return cache;
}

type StoredOptions = Pick<SharedTokensOptions, "server" | "issuer" | "clock" | "report" | "policy" | "held">;

/** Shares the tokens with other processes. Returns `undefined` without a store. */
function storedTokens(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  scopes: readonly string[] | undefined,
  options: StoredOptions,
): SharedTokens | undefined {
  const { store, network, trust, clock } = runtime;
  const { grant, timeout, deadline } = spec;
  const { dpop, credentials } = manager;
  if (store === undefined || grant.type === "static") return undefined;
  const { issuer, credential } = grant.client;
  const certificate = credential.kind === "certificate" ? credential.certificate : undefined;
  return new SharedTokens({
    ...options,
    store,
    // Leaves time for a request of our own, and spreads the requests of a fleet.
    patience:
      Math.min(store.lease + timeout, Math.max(deadline - timeout, deadline / 2)) *
      (1 - 0.3 * runtime.random()),
    async entryOf(signal) {
      const { tokenEntryKey } = await import("../sharing/entry-key.js");
      const reads = new CredentialRecorder(clock, credentials, signal);
      const attempt = createAttempt(runtime, { spec, manager, scopes, signal });
      const key = await tokenEntryKey(attempt, reads, () => trust.fingerprint());
      return key === undefined ? undefined : { key, reads };
    },
    async restore(text, signal) {
      const { restoreToken } = await import("../sharing/stored-token.js");
      const context = createAttempt(runtime, { spec, manager, signal });
      return await restoreToken(text, { issuer, dpop, certificate, network, context });
    },
  });
}

/** Loads the grant, with everything that it needs, when the first token is requested, and creates each attempt. */
function prepareAttempts(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  scopes: readonly string[] | undefined,
): (request: AttemptRequest) => Promise<PreparedAttempt<AttemptContext>> {
  const warned = new Set<string>();
  let grant: Grant | undefined;
  return async function prepareAttempt(request) {
    grant ??= (await import("../oauth/grants/create-grant.js")).createGrant(spec.grant);
    const { signal, reads = new CredentialRecorder(runtime.clock, manager.credentials, signal) } = request;
    return { grant, attempt: createAttempt(runtime, { spec, manager, scopes, warned, ...request, reads }) };
  };
}

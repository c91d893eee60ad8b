import type { ServerSpec } from "../config/spec.js";
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
import type { UserWrites } from "../sharing/user-writes.js";
import { storeUnavailable } from "../stores/failure.js";
import { TokenTelemetry } from "../telemetry/token-telemetry.js";
import { TokenCache } from "../tokens/cache.js";
import { grantSource, type PreparedAttempt } from "../tokens/grant-source.js";
import type { Report, TokenEvent } from "../tokens/token-event.js";
import { withEvents } from "../tokens/with-events.js";
import { withRetry } from "../tokens/with-retry.js";
import { withSpans } from "../tokens/with-spans.js";
import { auditToken, issuerOf } from "./audit-token.js";
import type { RuntimeContext } from "./runtime-context.js";

/** The options of one token cache. Each scope set of a manager has its own cache. */
export interface PipelineOptions {
  /** Requested instead of the scopes of the config and the server. */
  readonly scopes: readonly string[] | undefined;
  /**
   * Called with the time of the next background renewal in milliseconds since the epoch, `undefined` if there is none.
   */
  readonly onPlan: (nextRefreshAt: number | undefined) => void;
  /** Called when a credential differs from the previous one. This affects all scope sets. */
  readonly onNewCredential: () => void;
}

/** The state of a manager, with its last credentials. They are compared with the next ones, to notice a change. */
export type PipelineManager = ManagerState & {
  readonly credentials: CredentialMemory;
  /** The subjects that the manager has already warned about, for any scope set. */
  readonly warned: Set<string>;
  /** The writes to the store of a manager that `for()` returned. */
  readonly writes?: UserWrites | undefined;
};

/** Connects the token sources from the grant to the cache, for one server and one scope set. */
export function createTokenPipeline(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  { scopes, onPlan, onNewCredential }: PipelineOptions,
): TokenCache {
  const { clock, random, retryAfterRegistry, events } = runtime;
  const { name: server, grant, refresh, retry, deadline } = spec;
  const issuer = issuerOf(grant);
  // A listener of `token:renewed` may ask for the token at once, so the event waits until the cache has the new token.
  let renewedEvent: TokenEvent | undefined;
  const telemetry = tokenTelemetry(spec, runtime, manager);
  const report: Report = (name, event) => {
    telemetry.count(name, event);
    if (name === "secret:changed" || name === "key:rotated") onNewCredential();
    if (name === "token:renewed") renewedEvent = event;
    else events.emit(name, event);
  };
  const common = { server, issuer, clock, report };
  const grantTokens = grantSource(prepareAttempts(spec, runtime, manager, scopes), {
    ...common,
    assumedLifetime: refresh.assumedLifetime,
  });
  const policy = { ahead: refresh.ahead, jitter: refresh.jitter, random };
  // The refresh_token grant needs the store. If that cannot be used, more time would not help.
  const causeOfTimeout = (): McpAuthError | undefined => {
    const failure = grant.type === "refresh_token" ? runtime.store?.failure : undefined;
    return failure && storeUnavailable(server, failure);
  };
  // A `Retry-After` applies to one token endpoint, not to the other endpoints of the issuer.
  const endpoint = grant.type === "static" ? undefined : (grant.client.metadata?.tokenEndpoint ?? issuer);
  const retryOptions = {
    server,
    endpoint,
    clock,
    random,
    retry,
    deadline,
    causeOfTimeout,
    retryAfterRegistry,
  };
  const attempts = withEvents(grantTokens, {
    ...common,
    onToken: (token, reason) => auditToken(events, spec, { token, previous: cache.latest, reason }),
  });
  const sharedTokens = createSharedTokens(spec, runtime, manager, scopes, {
    ...{ ...common, policy },
    currentToken: () => cache.latest,
  });
  // Without a spread: on Node 20, an object with one takes twice the memory.
  const cache: TokenCache = new TokenCache({
    server,
    issuer,
    clock,
    report,
    policy,
    sharedLimits: sharedTokens,
    telemetry,
    isLocal: grant.type === "static" && isLocal(grant.token),
    onPlan,
    async hasNewCredential() {
      const { signal } = new AbortController();
      const { credentialsChanged } = await import("../secrets/credentials-changed.js");
      const attempt = createAttempt(runtime, { spec, signal });
      const hasChanged =
        (await credentialsChanged(manager.credentials, attempt)) ||
        (grant.type === "refresh_token" &&
          (await (await import("../oauth/grants/refresh-token.js")).hasNewSignIn(grant, attempt)));
      if (hasChanged) onNewCredential();
      return hasChanged;
    },
    onBackgroundFailure: (error) => events.warnUnheard("token:failed", "background", error),
    isAskedToWait: () => retryAfterRegistry.remaining(endpoint, clock.now()) > 0,
    onRenewed() {
      if (renewedEvent !== undefined) events.emit("token:renewed", renewedEvent);
      renewedEvent = undefined;
    },
    findSharedToken: sharedTokens && (() => sharedTokens.findUsable()),
    source: withSpans(
      sharedTokens === undefined
        ? withRetry(attempts, retryOptions)
        : withRetry(sharedTokens.wrap(attempts), {
            ...retryOptions,
            findExisting: (request) => sharedTokens.findFresh(request),
          }),
      telemetry,
    ),
  });
  return cache;
}

/** Returns what measures one cache. The tokens of all users of a server are measured together. */
function tokenTelemetry(
  { name: server, grant }: ServerSpec,
  { events: { measurements }, clock }: RuntimeContext,
  { subject }: PipelineManager,
): TokenTelemetry {
  const known = subject === undefined ? undefined : measurements.attributesOf(server);
  const attributes = known ?? { server, issuer: issuerOf(grant), grant: grant.type };
  measurements.noteServer(server, attributes);
  return new TokenTelemetry(measurements, attributes, clock);
}

type CacheOptions = Pick<
  SharedTokensOptions,
  "server" | "issuer" | "clock" | "report" | "policy" | "currentToken"
>;

/** Creates the part that shares the tokens with other processes, `undefined` without a store. */
function createSharedTokens(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  scopes: readonly string[] | undefined,
  options: CacheOptions,
): SharedTokens | undefined {
  const { store, network, trust, clock } = runtime;
  const { grant, timeout, deadline } = spec;
  const { dpop, credentials, writes } = manager;
  if (store === undefined || grant.type === "static") return undefined;
  const { issuer, credential } = grant.client;
  const certificate = credential.kind === "certificate" ? credential.certificate : undefined;
  return new SharedTokens({
    ...options,
    store,
    writes,
    // Leaves time for a request by this process, and spreads the requests of a fleet.
    maxLockWait:
      Math.min(store.lease + timeout, Math.max(deadline - timeout, deadline / 2)) *
      (1 - 0.3 * runtime.random()),
    async entryOf(signal) {
      const { tokenEntryKey } = await import("../sharing/entry-key.js");
      const recorder = new CredentialRecorder(clock, credentials, signal);
      const attempt = createAttempt(runtime, { spec, manager, scopes, signal });
      const key = await tokenEntryKey(attempt, recorder, () => trust.fingerprint());
      return key === undefined ? undefined : { key, recorder };
    },
    async restore(text, signal) {
      const { restoreToken } = await import("../sharing/restore-token.js");
      const context = createAttempt(runtime, { spec, manager, signal });
      return await restoreToken(text, { issuer, dpop, certificate, network, context });
    },
  });
}

/** Returns a function that creates each attempt. It loads the code of the grant for the first one. */
function prepareAttempts(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: PipelineManager,
  scopes: readonly string[] | undefined,
): (request: AttemptRequest) => Promise<PreparedAttempt<AttemptContext>> {
  const { warned } = manager;
  let grant: Grant | undefined;
  return async function prepareAttempt(request) {
    grant ??= (await import("../oauth/grants/create-grant.js")).createGrant(spec.grant);
    const { signal, recorder = new CredentialRecorder(runtime.clock, manager.credentials, signal) } = request;
    return {
      grant,
      attempt: createAttempt(runtime, { spec, manager, scopes, warned, ...request, recorder }),
    };
  };
}

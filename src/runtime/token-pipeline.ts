import type { GrantSpec, ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { Dpop } from "../dpop/dpop.js";
import type { McpAuthError } from "../errors/error.js";
import type { Secret } from "../lib/secret.js";
import type { Grant } from "../oauth/grants/grant.js";
import type { CredentialWatch } from "../secrets/credential-watch.js";
import { SharedTokens, type SharedTokensOptions } from "../sharing/shared-tokens.js";
import { storeUnavailable } from "../stores/failure.js";
import { TokenCache } from "../tokens/cache.js";
import { grantSource } from "../tokens/grant-source.js";
import type { Report, TokenEvent } from "../tokens/token-event.js";
import { withEvents } from "../tokens/with-events.js";
import { withRetry } from "../tokens/with-retry.js";
import type { RuntimeContext } from "./runtime-context.js";

/** What one manager knows and has beside what all share. */
export interface GrantHooks {
  /** The last challenge of the MCP server. */
  readonly challenge: () => ServerChallenge | undefined;
  /** An assertion was signed with this key. */
  readonly signedWith: (kid: string | undefined) => void;
  readonly onTarget: (target: Target) => void;
  /** Loaded when the first token is asked for. */
  readonly dpop: (() => Promise<Dpop>) | undefined;
  readonly subjectToken: (() => Promise<Secret>) | undefined;
  /** Whom the caller says that is. */
  readonly subjectKey: (() => string) | undefined;
  /** Knows what the requests of this manager were made with. */
  readonly watch: CredentialWatch;
}

export interface PipelineHooks extends GrantHooks {
  /** In place of those of the config and the server. */
  readonly scopes: readonly string[] | undefined;
  readonly onPlan: (renewAt: number | undefined) => void;
  /** There is another credential than before, for all scope sets. */
  readonly onNewCredential: () => void;
}

/** The authorization server that issues the tokens; `undefined` for a static one. */
export function issuerOf(grant: GrantSpec): string | undefined {
  return grant.type === "static" ? undefined : grant.client.issuer;
}

/** The chain from the grant to the cache for one server and one scope set. */
export function createTokenPipeline(
  spec: ServerSpec,
  runtime: RuntimeContext,
  hooks: PipelineHooks,
): TokenCache {
  const { clock, random, holds, events } = runtime;
  const { name: server, grant, refresh, retry, deadline } = spec;
  const issuer = issuerOf(grant);
  // A listener that asks for the new token is to find it: the event waits until that is in its place.
  let renewed: TokenEvent | undefined;
  const report: Report = (name, event) => {
    if (name === "secret:changed" || name === "key:rotated") hooks.onNewCredential();
    if (name === "token:renewed") renewed = event;
    else events.emit(name, event);
  };
  const common = { server, issuer, clock, report };
  const leaf = grantSource(lazyGrant(spec, runtime, hooks), {
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
  const resilience = { server, endpoint, clock, random, retry, deadline, holds, causeOfTimeout };
  const attempt = withEvents(leaf, common);
  const stored = storedTokens(spec, runtime, hooks, { ...common, policy, held: () => cache.latest });
  const cache: TokenCache = new TokenCache({
    ...common,
    policy,
    sharedLimits: stored,
    isLocal: grant.type === "static" && ("env" in grant.token || "file" in grant.token),
    onPlan: hooks.onPlan,
    async hasNewCredential() {
      const hasChanged = await hooks.watch.changed({ ...runtime, server });
      if (hasChanged) hooks.onNewCredential();
      return hasChanged;
    },
    onUntoldFailure: (error) => events.warnUnheard("token:failed", "background", error),
    isHeld: () => holds.remaining(endpoint, clock.now()) > 0,
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

type StoredContext = Pick<SharedTokensOptions, "server" | "issuer" | "clock" | "report" | "policy" | "held">;

/** What shares the tokens with other processes; `undefined` without a store. */
function storedTokens(
  spec: ServerSpec,
  runtime: RuntimeContext,
  { scopes, dpop, subjectKey, subjectToken, watch: _watch }: PipelineHooks,
  context: StoredContext,
): SharedTokens | undefined {
  const { store, network, trust, clock, fetch, env, resolvers, signers, permissions } = runtime;
  const { name: server, grant, timeout, deadline } = spec;
  if (store === undefined || grant.type === "static") return undefined;
  const { issuer, credential } = grant.client;
  const reading = { server, fetch, clock, env, resolvers, signers, permissions, unref: true };
  const subject = subjectToken && { key: subjectKey?.() ?? "", token: subjectToken };
  const certificate = credential.kind === "certificate" ? credential.certificate : undefined;
  return new SharedTokens({
    ...context,
    store,
    // Time is left for a request of our own; and those of a fleet are not all sent at one moment.
    patience:
      Math.min(store.lease + timeout, Math.max(deadline - timeout, deadline / 2)) *
      (1 - 0.3 * runtime.random()),
    async entryKey(signal, kept) {
      const { tokenEntryKey } = await import("../sharing/entry-key.js");
      const wanted = { scopes, dpop, subject, trust: () => trust.fingerprint() };
      return await tokenEntryKey(spec, wanted, { ...reading, signal, kept });
    },
    async restore(text, signal) {
      const { restoreToken } = await import("../sharing/stored-token.js");
      const context = { ...reading, signal };
      return await restoreToken(text, { issuer, dpop, certificate, network, context });
    },
  });
}

/** The grant, loaded with all that it needs when the first token is asked for. */
function lazyGrant(
  spec: ServerSpec,
  runtime: RuntimeContext,
  {
    dpop,
    subjectKey: _subjectKey,
    onPlan: _onPlan,
    onNewCredential: _onNewCredential,
    ...hooks
  }: PipelineHooks,
): Grant {
  const { events: _events, random: _random, holds: _holds, store: _store, ...shared } = runtime;
  let grant: Grant | undefined;
  return async (attempt) => {
    if (grant === undefined) {
      const [{ createGrant }, bound] = await Promise.all([
        import("../oauth/grants/create-grant.js"),
        dpop?.(),
      ]);
      grant = createGrant(spec, { ...shared, ...hooks, dpop: bound });
    }
    return await grant(attempt);
  };
}

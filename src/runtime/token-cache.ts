import type { GrantSpec, ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import type { Dpop } from "../dpop/dpop.js";
import type { Secret } from "../lib/secret.js";
import type { Grant } from "../oauth/grant.js";
import type { CredentialWatch } from "../secrets/credential-watch.js";
import { TokenCache } from "../tokens/cache.js";
import { grantSource } from "../tokens/grant-source.js";
import { observed } from "../tokens/observed.js";
import type { Report, TokenEvent } from "../tokens/observer.js";
import { resilient } from "../tokens/resilient.js";
import type { ManagerEnvironment } from "./manager-environment.js";

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
  /** Knows what the requests of this manager were made with. */
  readonly watch: CredentialWatch;
}

export interface TokenCacheHooks extends GrantHooks {
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
export function createTokenCache(
  spec: ServerSpec,
  environment: ManagerEnvironment,
  hooks: TokenCacheHooks,
): TokenCache {
  const { clock, random, holds, events } = environment;
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
  const leaf = grantSource(lazyGrant(spec, environment, hooks), {
    ...common,
    assumedLifetime: refresh.assumedLifetime,
  });
  return new TokenCache({
    ...common,
    policy: { ahead: refresh.ahead, jitter: refresh.jitter, random },
    onPlan: hooks.onPlan,
    async hasNewCredential() {
      const hasChanged = await hooks.watch.changed({ ...environment, server });
      if (hasChanged) hooks.onNewCredential();
      return hasChanged;
    },
    isHeld: () => holds.remaining(issuer, clock.now()) > 0,
    onRenewed() {
      if (renewed !== undefined) events.emit("token:renewed", renewed);
      renewed = undefined;
    },
    source: resilient(observed(leaf, common), { server, issuer, clock, random, retry, deadline, holds }),
  });
}

/** The grant, loaded with all that it needs when the first token is asked for. */
function lazyGrant(
  spec: ServerSpec,
  environment: ManagerEnvironment,
  { dpop, onPlan: _onPlan, onNewCredential: _onNewCredential, ...hooks }: TokenCacheHooks,
): Grant {
  const { events: _events, random: _random, holds: _holds, ...shared } = environment;
  let grant: Grant | undefined;
  return async (attempt) => {
    if (grant === undefined) {
      const [{ createGrant }, bound] = await Promise.all([import("../oauth/create-grant.js"), dpop?.()]);
      grant = createGrant(spec, { ...shared, ...hooks, dpop: bound });
    }
    return await grant(attempt);
  };
}

import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Grant } from "../oauth/grant.js";
import { TokenCache } from "../tokens/cache.js";
import { Cooldown } from "../tokens/cooldown.js";
import { grantSource } from "../tokens/grant-source.js";
import { observed } from "../tokens/observed.js";
import type { Report, TokenEvent } from "../tokens/observer.js";
import { resilient } from "../tokens/resilient.js";
import type { ManagerEnvironment } from "./manager-environment.js";

export interface TokenCacheHooks {
  /** The last challenge of the MCP server. */
  readonly challenge: () => ServerChallenge | undefined;
  /** An assertion was signed with this key. */
  readonly signedWith: (kid: string | undefined) => void;
  readonly onPlan: (renewAt: number | undefined) => void;
}

/** The chain from the grant to the cache for one server. */
export function createTokenCache(
  spec: ServerSpec,
  environment: ManagerEnvironment,
  { challenge, signedWith, onPlan }: TokenCacheHooks,
): TokenCache {
  const { clock, random, holds, events } = environment;
  const { name: server, grant, refresh, retry, deadline } = spec;
  const issuer = grant.type === "static" ? undefined : grant.client.issuer;
  // A listener that asks for the new token is to find it: the event waits until that is in its place.
  let renewed: TokenEvent | undefined;
  const report: Report = (name, event) => {
    if (name === "token:renewed") renewed = event;
    else events.emit(name, event);
  };
  const common = { server, issuer, clock, report };
  return new TokenCache({
    ...common,
    policy: { ahead: refresh.ahead, jitter: refresh.jitter, random },
    onPlan,
    onRenewed() {
      if (renewed !== undefined) events.emit("token:renewed", renewed);
      renewed = undefined;
    },
    source: (hasToken) => {
      const leaf = grantSource(lazyGrant(spec, environment, { challenge, signedWith }), {
        ...common,
        assumedLifetime: refresh.assumedLifetime,
      });
      const patient = resilient(observed(leaf, common), {
        server,
        issuer,
        clock,
        random,
        retry,
        deadline,
        holds,
      });
      return new Cooldown(patient, { ...common, hasToken });
    },
  });
}

/** The grant, loaded with all that it needs when the first token is asked for. */
function lazyGrant(
  spec: ServerSpec,
  { fetch, clock, env, metadata }: ManagerEnvironment,
  hooks: Pick<TokenCacheHooks, "challenge" | "signedWith">,
): Grant {
  let grant: Grant | undefined;
  return async (attempt) => {
    if (grant === undefined) {
      const { createGrant } = await import("../oauth/create-grant.js");
      grant = createGrant(spec, { fetch, clock, env, metadata, ...hooks });
    }
    return await grant(attempt);
  };
}

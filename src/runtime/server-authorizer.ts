import type { ServerSpec } from "../config/spec.js";
import { serverChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import { ignoreFailure } from "../errors/expected-errors.js";
import type { Authorizer } from "../http/authorizer.js";
import { isSameResource } from "../http/closest-server.js";
import { issuerOf } from "./audit-token.js";
import { explainRefusal } from "./explain-refusal.js";
import { learnedTarget } from "./learned-target.js";
import type { RuntimeContext } from "./runtime-context.js";
import type { ServerTokens } from "./server-tokens.js";
import { stepUp, stepUpWithin } from "./step-up.js";

export interface AuthorizedServer {
  readonly spec: ServerSpec;
  readonly address: URL;
  readonly runtime: RuntimeContext;
  readonly tokens: ServerTokens;
  readonly headers: Authorizer["headers"];
  readonly token: Authorizer["token"];
}

/** Creates the connection between the authorized `fetch` of one server and its tokens. */
export function serverAuthorizer(server: AuthorizedServer): Authorizer {
  const { spec, address, runtime, tokens } = server;
  const { caches } = tokens;
  // A step-up needs the metadata only if the config leaves the scopes to the server.
  const target = async (signal: AbortSignal | undefined): Promise<Target | undefined> => {
    if (spec.grant.scopes !== undefined) return tokens.target;
    return await learnedTarget(spec, runtime, tokens, signal).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      return ignoreFailure(error);
    });
  };
  return {
    name: spec.name,
    url: address,
    reach: spec.reach,
    fetch: runtime.fetch,
    nonces: tokens.nonces,
    serverClocks: runtime.serverClocks,
    onClockSkew(message) {
      const about = { server: spec.name, issuer: issuerOf(spec.grant), reason: "demand" } as const;
      runtime.events.emit("token:warning", { ...about, durationMs: 0, code: "clock_skew", message });
    },
    headers: server.headers,
    limits: tokens.limits,
    token: server.token,
    pending: () => caches.defaultCache.pending,
    noteAccepted(kind) {
      const { defaultCache } = caches;
      if (defaultCache.awaitsAcceptance) defaultCache.refused.accepted(kind());
    },
    noteChallenge({ response, url }) {
      // Another path of the same origin, or another query, may be another resource. Its challenge does not concern this
      // server.
      if (!isSameResource(url, address)) return;
      // The next token is for the same scopes. If it does not help, a step-up uses the scopes of the challenge.
      const { resourceMetadataUrl } = serverChallenge(response.headers) ?? {};
      if (resourceMetadataUrl !== undefined) tokens.challenge = { resourceMetadataUrl };
    },
    replace: (call) => caches.defaultCache.refused.replace(call),
    replaceForOthers: (call) => caches.defaultCache.refused.replaceForOthers(call),
    async explainRefusal({ token, response, url }) {
      const isWhole = isSameResource(url, address);
      const challenge = isWhole ? response.headers.get("www-authenticate") : null;
      // The caller gets the response of the server even if it cannot be explained.
      await explainRefusal(spec, runtime, tokens, { token, challenge, isWhole }).catch(ignoreFailure);
    },
    stepUp: async (wanted, token, signal) =>
      await stepUp(spec, tokens.stepUps, await target(signal), { wanted, token, signal }),
    stepUpWithin: async (wanted, token, signal) =>
      await stepUpWithin(spec, tokens.stepUps, await target(signal), { wanted, token, signal }),
  };
}

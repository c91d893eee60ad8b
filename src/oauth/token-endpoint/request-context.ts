import type { ServerSpec } from "../../config/spec.js";
import type { SecretContext } from "../../secrets/read-secret.js";
import type { GrantAttempt } from "../grants/grant.js";
import type { GrantEnvironment } from "../grants/grant-environment.js";
import type { TokenRequestContext } from "./token-request.js";

/** What a grant reads references with. */
export function secretContext(
  { name: server }: Pick<ServerSpec, "name">,
  { env, fetch, clock, resolvers, permissions, watch }: GrantEnvironment,
  { signal, prefetched }: Pick<GrantAttempt, "signal" | "prefetched">,
): SecretContext {
  return { server, env, fetch, clock, resolvers, permissions, watch, signal, prefetched, unref: true };
}

/** What a grant makes token requests with. `warn` is told that something is not listed which is used all the same. */
export function requestContext(
  { name, timeout }: Pick<ServerSpec, "name" | "timeout">,
  environment: GrantEnvironment,
  attempt: GrantAttempt,
  warn: () => void,
): Omit<TokenRequestContext, "credentials"> {
  const { signers, network, signedWith, serverClocks } = environment;
  const { signal, noticed } = attempt;
  return {
    ...secretContext({ name }, environment, attempt),
    ...{ timeout, signal, clock: environment.clock, fetch: environment.fetch },
    ...{ signers, network, signedWith, serverClocks, warn, noticed },
    onClockSkew: (message) => attempt.warn?.("clock_skew", message),
    onRotated: () => noticed?.("key:rotated"),
  };
}

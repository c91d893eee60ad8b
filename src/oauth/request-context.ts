import type { ServerSpec } from "../config/spec.js";
import type { SecretContext } from "../secrets/read-secret.js";
import type { GrantEnvironment } from "./grant-environment.js";
import type { TokenRequestContext } from "./token-request.js";

/** What a grant reads references with. */
export function secretContext(
  { name: server }: Pick<ServerSpec, "name">,
  { env, fetch, clock, resolvers, allowExec }: GrantEnvironment,
  signal: AbortSignal,
): SecretContext {
  return { server, env, fetch, clock, resolvers, allowExec, signal };
}

/** What a grant makes token requests with. `warn` is told that something is not listed which is used all the same. */
export function requestContext(
  { name: server, timeout }: Pick<ServerSpec, "name" | "timeout">,
  environment: GrantEnvironment,
  signal: AbortSignal,
  warn: () => void,
): TokenRequestContext {
  const { env, fetch, clock, resolvers, allowExec, signers, network, signedWith } = environment;
  return {
    ...{ server, timeout, signal, warn },
    ...{ env, fetch, clock, resolvers, allowExec, signers, network, signedWith },
  };
}

import type { ClientSpec, GrantCommon, ServerSpec } from "../config/spec.js";
import { findTarget } from "../discovery/find-target.js";
import type { Target } from "../discovery/metadata.js";
import { McpAuthError } from "../errors/error.js";
import type { GrantEnvironment } from "./grant-environment.js";

/** What there is to know of the two servers before a token can be asked for. Rejects with the codes of `findTarget`. */
export async function findGrantTarget(
  { name: server, url, timeout }: ServerSpec,
  { resource, client }: Pick<GrantCommon, "resource"> & { readonly client: ClientSpec },
  environment: Pick<GrantEnvironment, "metadata" | "challenge" | "onTarget">,
  signal: AbortSignal,
): Promise<Target> {
  const { issuer, metadata } = client;
  const wanted = { server, url, issuer, timeout, signal, resource, metadata };
  const find = async (): Promise<Target> => {
    const challenge = environment.challenge?.();
    if (challenge === undefined) return await findTarget(environment.metadata, wanted);
    try {
      return await findTarget(environment.metadata, { ...wanted, challenge });
    } catch (error) {
      if (signal.aborted || !isMisled(error)) throw error;
      // A challenge is a hint. One that leads nowhere must not be the end of a server that is well otherwise.
      const { scopes } = challenge;
      const hint = scopes !== undefined && { challenge: { scopes } };
      return await findTarget(environment.metadata, { ...wanted, ...hint });
    }
  };
  const target = await find();
  environment.onTarget?.(target);
  return target;
}

/** That the server no longer names the issuer is said by whichever document says it; everything else may be the URL. */
function isMisled(error: unknown): boolean {
  return error instanceof McpAuthError && error.code !== "issuer_mismatch";
}

import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { untilAborted } from "../lib/until-aborted.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import type { TokenSupply } from "./token-supply.js";

/**
 * What is known of the two servers. Where the token came from the store nobody has looked yet: then their metadata is read.
 * Rejects with `aborted`, and with the codes of `findTarget`.
 */
export async function learnedTarget(
  spec: ServerSpec,
  environment: ManagerEnvironment,
  supply: Pick<TokenSupply, "target" | "challenge">,
  caller: AbortSignal | undefined,
): Promise<Target | undefined> {
  if (supply.target !== undefined || spec.grant.type === "static") return supply.target;
  const { findGrantTarget } = await import("../oauth/find-grant-target.js");
  const found = findGrantTarget(
    spec,
    spec.grant,
    { ...environment, challenge: () => supply.challenge },
    AbortSignal.timeout(spec.timeout),
  );
  supply.target = await untilAborted(found, caller, () => abortedError(spec.name));
  return supply.target;
}

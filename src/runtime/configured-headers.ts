import type { ServerSpec } from "../config/spec.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import { createAttempt, type OAuthRuntime } from "../oauth/attempt.js";

type Headers = Readonly<Record<string, string>>;

/**
 * The `headers` of a server, each secret read when it is used, within the limits of a call; without any, a function that
 * gives `undefined`.
 */
export function configuredHeaders(
  spec: ServerSpec,
  runtime: OAuthRuntime,
  limits: WaitLimits,
): (signal: AbortSignal | undefined) => Promise<Headers> | undefined {
  if (Object.keys(spec.headers).length === 0) return () => undefined;
  return (caller) =>
    limits.run('the values of its "headers"', caller, async (signal) => {
      const { readHeaders } = await import("../secrets/read-header.js");
      return await readHeaders(spec.headers, createAttempt(runtime, { spec, signal }));
    });
}

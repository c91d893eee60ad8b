import type { ServerSpec } from "../config/spec.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import { createAttempt, type OAuthRuntime } from "../oauth/attempt.js";

type Headers = Readonly<Record<string, string>>;

/**
 * Returns a function that reads the `headers` of a server with their secrets, within the limits of a call. It returns
 * `undefined` if the config has none.
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

import type { ServerSpec } from "../config/spec.js";
import { rememberCredential } from "../errors/sent-credentials.js";
import type { WaitLimits } from "../lib/wait-limits.js";
import type { SecretSources } from "../secrets/read-secret.js";

type Headers = Readonly<Record<string, string>>;

/**
 * The `headers` of a server, each secret read when it is used, within the limits of a call; without any, a function that
 * gives `undefined`.
 */
export function configuredHeaders(
  spec: ServerSpec,
  sources: SecretSources,
  limits: WaitLimits,
): (signal: AbortSignal | undefined) => Promise<Headers> | undefined {
  const entries = Object.entries(spec.headers);
  if (entries.length === 0) return () => undefined;
  return (caller) =>
    limits.run('the values of its "headers"', caller, async (signal) => {
      const context = { ...sources, server: spec.name, signal };
      const { readHeader } = await import("../secrets/read-header.js");
      const read = entries.map(async ([name, value]): Promise<[string, string]> => {
        if (typeof value === "string") return [name, value];
        const secret = (await readHeader(value, context)).reveal();
        rememberCredential(secret);
        return [name, secret];
      });
      return Object.fromEntries(await Promise.all(read));
    });
}

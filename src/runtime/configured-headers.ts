import type { ServerSpec } from "../config/spec.js";

type Headers = Readonly<Record<string, string>>;

/** The `headers` of a server, each secret read when it is used; without any, a function that gives `undefined`. */
export function configuredHeaders(
  spec: ServerSpec,
  env: Readonly<Record<string, string | undefined>>,
): () => Promise<Headers> | undefined {
  const entries = Object.entries(spec.headers);
  if (entries.length === 0) return () => undefined;
  return async () => {
    const { readSecret } = await import("../secrets/read-secret.js");
    const context = { server: spec.name, env };
    const read = entries.map(async ([name, value]): Promise<[string, string]> => {
      return [name, typeof value === "string" ? value : (await readSecret(value, context)).reveal()];
    });
    return Object.fromEntries(await Promise.all(read));
  };
}

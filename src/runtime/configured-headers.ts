import type { ServerSpec } from "../config/spec.js";
import { rememberCredential } from "../errors/sent-credentials.js";
import type { SecretSources } from "../secrets/read-secret.js";

type Headers = Readonly<Record<string, string>>;

/** The `headers` of a server, each secret read when it is used; without any, a function that gives `undefined`. */
export function configuredHeaders(
  spec: ServerSpec,
  sources: SecretSources,
): () => Promise<Headers> | undefined {
  const entries = Object.entries(spec.headers);
  if (entries.length === 0) return () => undefined;
  return async () => {
    const context = { ...sources, server: spec.name };
    const { readHeader } = await import("../secrets/read-header.js");
    const read = entries.map(async ([name, value]): Promise<[string, string]> => {
      if (typeof value === "string") return [name, value];
      const secret = (await readHeader(value, context)).reveal();
      rememberCredential(secret);
      return [name, secret];
    });
    return Object.fromEntries(await Promise.all(read));
  };
}

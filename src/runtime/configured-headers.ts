import type { SecretReference, ServerSpec } from "../config/spec.js";
import type { SecretContext, SecretSources } from "../secrets/read-secret.js";

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
    const read = entries.map(async ([name, value]): Promise<[string, string]> => {
      return [name, typeof value === "string" ? value : await readHeader(value, context)];
    });
    return Object.fromEntries(await Promise.all(read));
  };
}

/** `Headers` refuses such a value as well, but shows it in its message. */
async function readHeader(reference: SecretReference, context: SecretContext): Promise<string> {
  const { readSecret } = await import("../secrets/read-secret.js");
  const value = (await readSecret(reference, context)).reveal();
  if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) return value;
  const { secretUnavailable } = await import("../secrets/reference.js");
  const problem = "its value cannot stand in a header, which is one line of Latin-1 text.";
  throw secretUnavailable(reference, context.server, problem);
}

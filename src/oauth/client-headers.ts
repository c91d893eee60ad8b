import type { ClientSpec } from "../config/spec.js";
import type { SecretContext } from "../secrets/read-secret.js";

/** The config's headers for requests to an authorization server that carry the client's credential. */
export interface ClientHeaders {
  readonly values: Readonly<Record<string, string>>;
  /** The headers whose values are secrets. */
  readonly secret: readonly string[];
}

/**
 * Reads the `headers` of a client for one request to the token or revocation endpoint. Rejects with the codes of
 * `readHeader`.
 */
export async function readClientHeaders(
  { headers = {} }: Pick<ClientSpec, "headers">,
  context: SecretContext,
): Promise<ClientHeaders> {
  const entries = Object.entries(headers);
  if (entries.length === 0) return { values: {}, secret: [] };
  const { readHeaders } = await import("../secrets/read-header.js");
  const secret = entries.filter(([, value]) => typeof value !== "string").map(([name]) => name);
  return { values: await readHeaders(headers, context), secret };
}

/** Adds the headers to a request. Call it before the credential is added, which they must not replace. */
export function addClientHeaders(request: Headers, { values }: ClientHeaders): void {
  for (const [name, value] of Object.entries(values)) request.set(name, value);
}

import type { ConfigSpec } from "../config/spec.js";
import { McpAuthError } from "../errors/error.js";
import type { CommandIo } from "./io.js";

/** Reads every secret and key that the config refers to, one after the other, and gives the failures. */
export async function checkSecrets(spec: ConfigSpec, env: CommandIo["env"]): Promise<McpAuthError[]> {
  const [{ readSecret }, { loadKey }] = await Promise.all([
    import("../secrets/read-secret.js"),
    import("../keys/load-key.js"),
  ]);
  const failures: McpAuthError[] = [];
  for (const entry of spec.servers.values()) {
    if (!("spec" in entry)) continue;
    const { grant, headers, name } = entry.spec;
    const context = { server: name, env };
    const reads: (() => Promise<unknown>)[] = Object.values(headers)
      .filter((value) => typeof value !== "string")
      .map((value) => () => readSecret(value, context));
    if (grant.type === "static") reads.push(() => readSecret(grant.token, context));
    else if (grant.client.credential.kind === "secret") {
      const { secret } = grant.client.credential;
      reads.push(() => readSecret(secret, context));
    } else if (grant.client.credential.kind === "key") {
      const { key } = grant.client.credential;
      reads.push(() => loadKey(key, context));
    }
    for (const read of reads) {
      try {
        await read();
      } catch (error) {
        if (!(error instanceof McpAuthError)) throw error;
        failures.push(error);
      }
    }
  }
  return failures;
}

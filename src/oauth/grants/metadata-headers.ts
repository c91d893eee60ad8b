import type { ServerSpec } from "../../config/spec.js";
import type { ServerHeaders } from "../../discovery/metadata-document.js";
import { McpAuthError } from "../../errors/error.js";
import { fail, succeed } from "../../net/failure.js";
import { readHeaders } from "../../secrets/read-header.js";
import type { GrantEnvironment } from "./grant-environment.js";

/** The config's `headers` for an MCP server, as its metadata is asked for with them; `undefined` without any. */
export function metadataHeaders(
  { name: server, headers }: Pick<ServerSpec, "name" | "headers">,
  {
    env,
    fetch,
    clock,
    resolvers,
    permissions,
  }: Pick<GrantEnvironment, "env" | "fetch" | "clock" | "resolvers" | "permissions">,
): ServerHeaders | undefined {
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  return {
    id: JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    async read(signal) {
      const context = { server, env, fetch, clock, resolvers, permissions, signal, unref: true };
      try {
        return succeed(await readHeaders(headers, context));
      } catch (error) {
        if (!(error instanceof McpAuthError)) throw error;
        const { code, message, retryable } = error;
        // Several servers may share the lookup, and each has its name put before it.
        const detail = message.replace(`Server "${server}": `, "");
        // Whose wait ended here is the lookup alone: it took too long.
        if (code !== "aborted") return fail({ code, detail, retryable });
        return fail({ code: "timeout", detail: "its headers could not be read in time.", retryable: true });
      }
    },
  };
}

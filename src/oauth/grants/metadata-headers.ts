import type { ServerSpec } from "../../config/spec.js";
import type { ServerHeaders } from "../../discovery/metadata-document.js";
import { McpAuthError } from "../../errors/error.js";
import { messageWithoutServer } from "../../errors/message-without-server.js";
import { fail, succeed } from "../../net/failure.js";
import { readHeaders } from "../../secrets/read-header.js";
import { createAttempt, type OAuthRuntime } from "../attempt.js";

/** Returns the `headers` of a server for requests for its metadata, or `undefined` if the config has none. */
export function metadataHeaders(spec: ServerSpec, runtime: OAuthRuntime): ServerHeaders | undefined {
  const { headers } = spec;
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  return {
    id: JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    async read(signal) {
      try {
        return succeed(await readHeaders(headers, createAttempt(runtime, { spec, signal })));
      } catch (error) {
        if (!(error instanceof McpAuthError)) throw error;
        const { code, retryable } = error;
        // Several servers may share the lookup, and each puts its own name before the message.
        const detail = messageWithoutServer(error);
        // The signal belongs to the lookup, and is aborted when the lookup takes too long.
        if (code !== "aborted") return fail({ code, detail, retryable });
        return fail({ code: "timeout", detail: "its headers could not be read in time.", retryable: true });
      }
    },
  };
}

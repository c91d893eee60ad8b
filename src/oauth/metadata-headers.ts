import type { ClientSpec, ServerSpec } from "../config/spec.js";
import type { ServerHeaders } from "../discovery/metadata-document.js";
import { McpAuthError } from "../errors/error.js";
import { messageWithoutServer } from "../errors/message-without-server.js";
import { fail, succeed } from "../net/failure.js";
import { createAttempt, type OAuthRuntime } from "./attempt.js";

/** Returns the `headers` of an MCP server for requests for its metadata, or `undefined` if the config has none. */
export function metadataHeaders(spec: ServerSpec, runtime: OAuthRuntime): ServerHeaders | undefined {
  return lazyHeaders(spec.headers, "its headers", spec, runtime);
}

/** Returns the `headers` of a client for requests for its issuer's metadata, or `undefined` if the config has none. */
export function issuerHeaders(
  { headers }: Pick<ClientSpec, "headers">,
  spec: ServerSpec,
  runtime: OAuthRuntime,
): ServerHeaders | undefined {
  return headers && lazyHeaders(headers, 'the "headers" of its client', spec, runtime);
}

function lazyHeaders(
  headers: ServerSpec["headers"],
  name: string,
  spec: ServerSpec,
  runtime: OAuthRuntime,
): ServerHeaders | undefined {
  const entries = Object.entries(headers);
  if (entries.length === 0) return undefined;
  return {
    id: JSON.stringify(entries.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    async read(signal) {
      try {
        const { readHeaders } = await import("../secrets/read-header.js");
        return succeed(await readHeaders(headers, createAttempt(runtime, { spec, signal })));
      } catch (error) {
        if (!(error instanceof McpAuthError)) throw error;
        const { code, retryable } = error;
        // Several servers may share the lookup, and each puts its own name before the message.
        const detail = messageWithoutServer(error);
        // The signal belongs to the lookup, and is aborted when the lookup takes too long.
        if (code !== "aborted") return fail({ code, detail, retryable });
        return fail({ code: "timeout", detail: `${name} could not be read in time.`, retryable: true });
      }
    },
  };
}

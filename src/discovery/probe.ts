import { exchange } from "../net/bounded-fetch.js";
import { type ServerChallenge, serverChallenge } from "./challenge.js";
import type { MetadataFetch } from "./metadata-document.js";
import type { Problems } from "./problems.js";

export interface Probe {
  /** Absent if the server did not require a token. */
  readonly challenge?: ServerChallenge;
  /** Whether other requests to the server make sense. */
  readonly isReachable: boolean;
}

/**
 * Sends one `initialize` as an MCP client does, without a token. Does not read the body of the response: it may be a
 * stream.
 */
export async function probe(fetchOptions: MetadataFetch, url: string, problems: Problems): Promise<Probe> {
  const { headers: _headers, ...limits } = fetchOptions;
  const result = await exchange(limits.fetch, {
    ...limits,
    url,
    target: "the MCP server",
    endpoint: "MCP server",
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "initialize",
      params: {
        protocolVersion: "2025-11-25",
        capabilities: {},
        clientInfo: { name: "mcp-auth-runtime discover", version: "1" },
      },
    }),
    discardBody: true,
  });
  if (result.kind === "failed") {
    const { failure } = result;
    problems.add(failure, url);
    return { isReachable: failure.retryable === true && failure.neverArrived !== true };
  }
  // Cannot happen, because the body is not read.
  if (result.kind === "too-large") return { isReachable: true };
  const { status, headers } = result.response;
  if (status >= 300 && status < 400) {
    const detail = `it answered with a redirect (${status}), which is not followed. Use the URL that it redirects to.`;
    const location = headers.get("location") ?? "";
    const target = URL.canParse(location, url) ? new URL(location, url).href : undefined;
    problems.add({ code: "discovery_failed", detail }, target);
  }
  const challenge = serverChallenge(headers);
  return { isReachable: true, ...(challenge !== undefined && { challenge }) };
}

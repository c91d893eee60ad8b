import { findingText } from "../diagnosis/finding.js";
import { redirectFinding } from "../diagnosis/redirect.js";
import { exchange } from "../net/bounded-fetch.js";
import type { Failure } from "../net/failure.js";
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
    const location = headers.get("location") ?? "";
    const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
    problems.add(redirected(status, url, target), target?.href);
  }
  const challenge = serverChallenge(headers);
  return { isReachable: true, ...(challenge !== undefined && { challenge }) };
}

function redirected(status: number, url: string, target: URL | undefined): Failure {
  const what = `it answered with a redirect (${status}), which is not followed.`;
  const code = "discovery_failed";
  if (target === undefined) return { code, detail: `${what} Check the URL.`, finding: "redirect_elsewhere" };
  const from = new URL(url);
  // Nothing limits the path here, and a token would follow a redirect to the same origin.
  const finding = redirectFinding({ from, target, server: from });
  const detail = `${what} ${target.origin === from.origin ? "Use the URL that it redirects to." : findingText(finding)}`;
  return { code, detail, finding: finding.id };
}

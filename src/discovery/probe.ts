import { findingText } from "../diagnosis/finding.js";
import { redirectFinding } from "../diagnosis/redirect.js";
import { isJsonObject, parseJsonObject } from "../lib/json-object.js";
import { exchange } from "../net/bounded-fetch.js";
import type { Failure } from "../net/failure.js";
import { isJson } from "../net/response-headers.js";
import { type ServerChallenge, serverChallenge } from "./challenge.js";
import type { MetadataFetch } from "./metadata-document.js";
import type { Problems } from "./problems.js";

export interface Probe {
  /** Absent if the server did not require a token. */
  readonly challenge?: ServerChallenge;
  /** Whether it refused the request. Absent if neither this nor the opposite is certain. */
  readonly requiresToken?: boolean;
  /** The MCP extensions in its answer. Absent if the answer does not tell them. */
  readonly extensions?: readonly string[];
  /** Whether other requests to the server make sense. */
  readonly isReachable: boolean;
}

/**
 * Sends one `initialize` as an MCP client does, without a token. Reads the body of the response only if it is JSON:
 * otherwise it may be a stream.
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
    discardBody: (headers) => !isJson(headers.get("content-type")),
  });
  if (result.kind === "failed") {
    const { failure } = result;
    problems.add(failure, url);
    return { isReachable: failure.retryable === true && failure.neverArrived !== true };
  }
  if (result.kind === "too-large") return { isReachable: true };
  const { status, headers, body } = result.response;
  if (status >= 300 && status < 400) {
    const location = headers.get("location") ?? "";
    const target = URL.canParse(location, url) ? new URL(location, url) : undefined;
    problems.add(redirected(status, url, target), target?.href);
  }
  const challenge = serverChallenge(headers);
  const extensions = extensionsIn(body);
  const isAccepted = status >= 200 && status < 300;
  return {
    isReachable: true,
    ...(challenge !== undefined && { challenge }),
    ...(challenge !== undefined || status === 401 || isAccepted ? { requiresToken: !isAccepted } : {}),
    ...(isAccepted && extensions !== undefined && { extensions }),
  };
}

/** Returns the extensions in a response to `initialize`, or `undefined` if it is none. */
function extensionsIn(body: string): readonly string[] | undefined {
  const result = parseJsonObject(body)?.["result"];
  const capabilities = isJsonObject(result) ? result["capabilities"] : undefined;
  if (!isJsonObject(capabilities)) return undefined;
  const { extensions = {} } = capabilities;
  return isJsonObject(extensions) ? Object.keys(extensions) : undefined;
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

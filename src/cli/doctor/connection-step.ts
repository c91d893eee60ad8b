import { redirectFinding } from "../../diagnosis/redirect.js";
import { McpAuthError } from "../../errors/error.js";
import { findingsIn } from "../../errors/findings.js";
import { isWithinReach } from "../../http/reach.js";
import { fail, type Outcome, pass, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Finds out whether the MCP server can be reached: by DNS, TCP and TLS, through the proxy if there is one. */
export async function checkConnection({ server }: ServerCheck, signal: AbortSignal): Promise<Outcome> {
  const { url, reach } = server.spec;
  try {
    const { status, location } = await server.sendWithoutToken(signal);
    if (status >= 300 && status < 400 && location !== null && URL.canParse(location, url)) {
      const [target, from] = [new URL(location, url), new URL(url)];
      if (!isWithinReach(target, from, reach))
        return warn(redirectFinding({ from, target, server: from }), { location: target.href });
    }
    return pass(`reachable, HTTP ${status} without a token`);
  } catch (error) {
    if (!(error instanceof McpAuthError)) throw error;
    const failed = fail(error);
    const stage = stageOf(error);
    return stage === undefined ? failed : { ...failed, message: `${stage}: ${failed.message}` };
  }
}

/** The layer that failed, by the beginning of the finding's id. */
const stages: readonly (readonly [RegExp, string])[] = [
  [/^dns_/, "DNS"],
  [/^proxy_|_through_proxy$|^no_tunnel/, "proxy"],
  [/^tls_|^closed_in_handshake$/, "TLS"],
  [/^refused|^no_route|^no_ipv6|^no_connection/, "TCP"],
  [/^closed_|^no_answer|^answer_not/, "HTTP"],
];

/** Returns the layer that a request failed in, for the beginning of a message; `undefined` if it is not known. */
export function stageOf(error: McpAuthError): string | undefined {
  const [finding = ""] = findingsIn(error);
  return stages.find(([pattern]) => pattern.test(finding))?.[1];
}

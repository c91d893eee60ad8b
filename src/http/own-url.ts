import { McpAuthError } from "../errors/error.js";
import { hasQueryOf } from "./closest-server.js";
import { egressDenied, isWithinReach, type Reach } from "./reach.js";

/**
 * Throws `egress_denied` unless `text` is a URL to which a host may send what was made for this server by itself: within
 * reach, and with the parameters of the server's query, which may name a tenant. `what` names it in the message.
 */
export function assertOwnUrl(
  name: string,
  server: { readonly url: URL; readonly reach: Reach },
  text: string,
  what: string,
): void {
  if (!URL.canParse(text)) throw denied(name, `${what} cannot be parsed`);
  const url = new URL(text);
  if (!isWithinReach(url, server.url, server.reach)) {
    throw egressDenied(name, server.url, server.reach, `${what} lies`);
  }
  // The values are not shown: some servers take a key there.
  if (!hasQueryOf(url, server.url)) {
    throw denied(name, `${what} does not have the same query parameters as the URL in the config`);
  }
}

function denied(name: string, problem: string): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `${problem}, so the token of server "${name}" may not go there; nothing was sent. Use that server's own URL, or resolve ` +
      "the server that the URL belongs to.",
    { server: name },
  );
}

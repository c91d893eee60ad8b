import { McpAuthError } from "../errors/error.js";
import { hasQueryOf } from "./closest-server.js";
import { egressDenied, isWithinReach, type Reach } from "./reach.js";

/**
 * Throws `egress_denied` unless a host may send the token to the URL `text`: it must be within reach and have the query
 * parameters of the server's URL, which may name a tenant. `what` names the URL at the beginning of the message.
 */
export function assertUrlOfServer(
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
  // The message does not show the values, because a parameter may be an API key.
  if (!hasQueryOf(url, server.url)) {
    throw denied(name, `${what} does not have the same query parameters as the URL in the config`);
  }
}

function denied(name: string, problem: string): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `${problem}, so the token of server "${name}" may not go there, and nothing was sent. Use that server's own URL, or resolve ` +
      "the server that the URL belongs to.",
    { server: name },
  );
}

import { McpAuthError } from "../errors/error.js";
import type { Allow } from "./permissions.js";

/** `allow` of createMcpAuth does not name something that the config uses. `what` begins in small letters. */
export function notAllowed(what: string, list: keyof Allow, server?: string): McpAuthError {
  const subject =
    server === undefined ? `${what.charAt(0).toUpperCase()}${what.slice(1)}` : `Server "${server}": ${what}`;
  return new McpAuthError(
    "config_invalid",
    `${subject} may not be used, because \`allow.${list}\` does not include it. Add it where createMcpAuth() is called, or use ` +
      "something else in the config.",
    { server },
  );
}

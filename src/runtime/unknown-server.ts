import { McpAuthError } from "../errors/error.js";
import { didYouMean } from "../lib/near-names.js";
import { printable, someOf } from "../lib/printable.js";

/** The error of a manager after a reload removed its server. */
export function removedServer(name: string): McpAuthError {
  return new McpAuthError(
    "unknown_server",
    `Server "${name}": a reload removed it from the config, so nothing is sent. Add it to the config and reload, or ` +
      "stop using its manager.",
    { server: name },
  );
}

/** The error for a name that is not in `servers`. JavaScript can pass any value. */
export function unknownServer(given: unknown, servers: readonly string[]): McpAuthError {
  const name = typeof given === "string" ? given : typeof given;
  const known =
    servers.length === 0 ? "The config names no server." : `The config names: ${someOf(servers)}.`;
  return new McpAuthError(
    "unknown_server",
    `There is no server "${printable(name)}" in the config.${didYouMean(name, servers)} ${known}`,
    { server: name },
  );
}

import type { McpAuth, TokenManager } from "../../index.js";
import { managersOf } from "./managers-of.js";

/**
 * Returns the options of a host for each of the named servers, by name. Throws `unknown_server` for a name that the config
 * does not have.
 */
export function serversByName<Name extends string, Chosen extends Name, Server>(
  auth: McpAuth<Name>,
  names: readonly Chosen[] | undefined,
  optionsFor: (manager: TokenManager) => Server,
): Record<Chosen, Server> {
  const servers = managersOf(auth, names).map(([name, manager]) => [name, optionsFor(manager)] as const);
  // `Object.fromEntries()` forgets the names.
  return Object.fromEntries(servers) as Record<Chosen, Server>;
}

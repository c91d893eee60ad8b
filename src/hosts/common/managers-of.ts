import type { McpAuth, TokenManager } from "../../index.js";

/**
 * Returns the managers of the named servers, by default of all servers of the config. Throws `unknown_server` for a name
 * that the config does not have.
 */
export function managersOf<Name extends string>(
  auth: McpAuth<Name>,
  names: readonly Name[] = auth.servers,
): readonly (readonly [name: Name, manager: TokenManager])[] {
  return names.map((name) => [name, auth.resolve(name)] as const);
}

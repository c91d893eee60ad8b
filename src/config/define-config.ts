import type { Config, Server } from "./generated/types.js";

/** A config in code, with the same properties as in `mcp-auth.config.json`. `Name` is the union of the server names. */
export type McpAuthConfig<Name extends string = string> = Omit<Config, "servers"> & {
  /** MCP servers by name. The name is what code passes to `auth.resolve(name)`. */
  servers: { [Each in Name]: Server };
};

/**
 * Returns a config unchanged, with a type that knows the names of its servers. `createMcpAuth` validates it.
 *
 * @example
 * ```ts
 * const config = defineConfig({
 *   servers: {
 *     crm: {
 *       url: "https://crm.example/mcp",
 *       grant: { client: { issuer: "https://auth.example", id: "crm-agent", secret: { env: "CRM_SECRET" } } },
 *     },
 *   },
 * });
 * const auth = await createMcpAuth({ config });
 * auth.resolve("crm"); // any other name does not compile
 * ```
 */
export function defineConfig<Name extends string>(config: McpAuthConfig<Name>): McpAuthConfig<Name> {
  return config;
}

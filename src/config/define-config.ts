import type { Config, Server } from "./generated/types.js";

/**
 * A config as data, in code as in `mcp-auth.config.json`. `Name` is the union of the names of its servers, where
 * they are known.
 */
export type McpAuthConfig<Name extends string = string> = Omit<Config, "servers"> & {
  /** MCP servers by name. The name is what code passes to `auth.resolve(name)`. */
  servers: { [Each in Name]: Server };
};

/**
 * Types a config that is written in code; what comes out is what went in. It is validated by `createMcpAuth`.
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

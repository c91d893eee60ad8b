import type { Config, Server } from "./generated/types.js";

/** A config in code, with the same properties as in `mcp-auth.config.json`. `Name` is the union of the server names. */
export type McpAuthConfig<Name extends string = string> = Omit<Config, "servers" | "import"> & {
  import?: never;
  /** MCP servers by name. The name is what code passes to `auth.resolve(name)`. */
  servers: { [Each in Name]: Server & { url: string } };
};

/** A config in code that takes the URLs of servers from a host's file. */
export type McpAuthConfigWithImport<Name extends string = string> = Omit<Config, "servers" | "import"> & {
  /** Path of the host's file, relative to `cwd`. Nothing but the URLs is taken from it. */
  import: string;
  /** MCP servers by name. One without `url` must be in the imported file. */
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
export function defineConfig<Name extends string>(
  config: McpAuthConfigWithImport<Name>,
): McpAuthConfigWithImport<Name>;
// The last one, because the compiler reports the errors of the last one.
export function defineConfig<Name extends string>(config: McpAuthConfig<Name>): McpAuthConfig<Name>;
export function defineConfig(config: McpAuthConfig | McpAuthConfigWithImport): object {
  return config;
}

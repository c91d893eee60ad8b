import type { Plugin } from "@elizaos/core";
import type { McpAuth } from "mcp-auth-runtime";

declare module "@elizaos/core" {
  interface ServiceTypeRegistry {
    MCP_AUTH: typeof serviceType;
  }
}

/** The type of the plugin's service, for `runtime.getServiceLoadPromise()`: it waits for the tools of the servers. */
export declare const serviceType = "mcp-auth";

/**
 * Returns the plugin for an `McpAuth` that your code creates. It serves the named servers, by default all of the config,
 * and never stops the `McpAuth`. The agent does not start if the config has no such server (`unknown_server`).
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const plugins = [sqlPlugin, bootstrapPlugin, openaiPlugin, mcpAuth(auth)];
 * ```
 */
export declare function mcpAuth<Name extends string>(
  auth: McpAuth<Name>,
  servers?: readonly NoInfer<Name>[],
): Plugin;

/**
 * The plugin for the servers of `mcp-auth.config.json`, which is found as `createMcpAuth()` finds it. The agent does not
 * start if the config is missing or has mistakes.
 */
declare const plugin: Plugin;
// biome-ignore lint/style/noDefaultExport: Eliza takes the default export of a package that a character names.
export default plugin;

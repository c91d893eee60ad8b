import type { McpAuth } from "./mcp-auth.js";
import type { McpAuthOptions } from "./mcp-auth-options.js";

/**
 * Finds and validates the config, and returns its token managers. It sends no request, reads no secret and runs no
 * command.
 *
 * Rejects with `config_not_found`, and with `config_invalid`, whose `violations` list the mistakes in the config. The
 * value of an unset variable is checked once it is set. An option that does not exist is `config_invalid` too.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const response = await auth.resolve("billing").fetch("https://mcp.acme.example/billing", { method: "POST", body });
 * ```
 */
export async function createMcpAuth<Name extends string = string>(
  options: McpAuthOptions<Name> = {},
): Promise<McpAuth<Name>> {
  const { createRuntime } = await import("./create-runtime.js");
  return await createRuntime(options);
}

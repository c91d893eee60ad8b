import type { GrantSpec, ServerSpec } from "../config/spec.js";

/** The part of an MCP client's capabilities that says how it authorizes itself. */
export interface McpClientCapabilities {
  /** By extension identifier; an empty object says that it is supported. */
  readonly extensions: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

/** The MCP extensions that a server's config makes use of. */
export function clientCapabilities({
  grant,
  dpop,
}: Pick<ServerSpec, "grant" | "dpop">): McpClientCapabilities {
  const names = [extensionOf(grant), dpop && "io.modelcontextprotocol/auth/dpop"];
  const used = names.filter((name) => name !== undefined);
  return Object.freeze({ extensions: Object.freeze(Object.fromEntries(used.map((name) => [name, {}]))) });
}

function extensionOf(grant: GrantSpec): string | undefined {
  switch (grant.type) {
    case "client_credentials":
      return "io.modelcontextprotocol/oauth-client-credentials";
    case "enterprise_managed":
      return "io.modelcontextprotocol/enterprise-managed-authorization";
    case "jwt_bearer":
      return grant.assertion.kind === "platform" ? "io.modelcontextprotocol/auth/wif" : undefined;
    default:
      return undefined;
  }
}

import type { GrantSpec, ServerSpec } from "../config/spec.js";
import { unreachable } from "../lib/unreachable.js";

/** The part of the capabilities of an MCP client that declares how it gets authorization. */
export interface McpClientCapabilities {
  /** Supported extensions, each with an empty object as its value. */
  readonly extensions: Readonly<Record<string, Readonly<Record<string, never>>>>;
}

/** Returns the MCP extensions that the config of a server uses. */
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
    case "token_exchange":
    case "refresh_token":
    case "extension":
    case "static":
      return undefined;
    default:
      return unreachable(grant);
  }
}

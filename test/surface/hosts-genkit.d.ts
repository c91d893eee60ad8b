import { McpAuth } from "mcp-auth-runtime";

interface GenkitServer {
    url: string;
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

declare function mcpServers<Name extends string>(auth: McpAuth<Name>, names?: readonly NoInfer<Name>[]): Record<Name, GenkitServer>;

export {
  GenkitServer,
  mcpServers,
};

import { McpAuth } from "mcp-auth-runtime";

interface GenkitServer {
    url: string;
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
}

declare function mcpServers<Name extends string, Chosen extends Name = Name>(auth: McpAuth<Name>, names?: readonly Chosen[]): Record<Chosen, GenkitServer>;

export {
  GenkitServer,
  mcpServers,
};

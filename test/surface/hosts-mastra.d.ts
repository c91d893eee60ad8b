import { McpAuth } from "mcp-auth-runtime";

interface MastraServer {
    url: URL;
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
    connectTimeout: number;
    timeout?: number;
}

declare function mcpServers<Name extends string, Chosen extends Name = Name>(auth: McpAuth<Name>, names?: readonly Chosen[]): Record<Chosen, MastraServer>;

export {
  MastraServer,
  mcpServers,
};

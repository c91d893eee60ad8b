import { McpAuth } from "mcp-auth-runtime";

interface MastraServer {
    url: URL;
    fetch: (url: string | URL, init?: RequestInit) => Promise<Response>;
    connectTimeout: number;
    timeout?: number;
}

declare function mcpServers<Name extends string>(auth: McpAuth<Name>, names?: readonly NoInfer<Name>[]): Record<Name, MastraServer>;

export {
  MastraServer,
  mcpServers,
};

import { McpAuth } from "mcp-auth-runtime";

interface ClaudeAgentHeadersHelper {
    readonly headersHelper: string;
}

interface ClaudeAgentServer {
    readonly type: "http";
    readonly url: string;
}

declare function headersHelper(name: string): ClaudeAgentHeadersHelper;

declare function mcpServers<Name extends string, Chosen extends Name = Name>(auth: McpAuth<Name>, names?: readonly Chosen[]): Promise<Record<Chosen, ClaudeAgentServer>>;

export {
  ClaudeAgentHeadersHelper,
  ClaudeAgentServer,
  headersHelper,
  mcpServers,
};

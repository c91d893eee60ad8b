import { McpAuth } from "mcp-auth-runtime";

type CopilotAuthHandler = (request: CopilotAuthRequest, context: {
    readonly sessionId: string;
}) => Promise<CopilotAuthResult | undefined>;

interface CopilotAuthRequest {
    readonly serverName: string;
    readonly serverUrl: string;
    readonly reason: string;
    readonly wwwAuthenticateParams?: {
        readonly scope?: string;
    };
}

type CopilotAuthResult = {
    kind: "token";
    accessToken: string;
} | {
    kind: "cancelled";
};

interface CopilotServerConfig {
    type: "http";
    url: string;
    tools: string[];
    disableToolCache: boolean;
    headers?: Record<string, string>;
}

interface CopilotSession {
    readonly sessionId: string;
    readonly rpc: {
        readonly mcp: {
            list(): Promise<{
                readonly servers: readonly {
                    readonly name: string;
                    readonly status: string;
                }[];
            }>;
            restartServer(server: {
                serverName: string;
            }): Promise<unknown>;
        };
    };
}

declare function connected<Name extends string>(auth: McpAuth<Name>, session: CopilotSession, names?: readonly NoInfer<Name>[]): Promise<void>;

declare function mcpAuthHandler(auth: McpAuth): CopilotAuthHandler;

declare function mcpServers<Name extends string, Chosen extends Name = Name>(auth: McpAuth<Name>, names?: readonly Chosen[]): Record<Chosen, CopilotServerConfig>;

export {
  CopilotAuthHandler,
  CopilotAuthRequest,
  CopilotAuthResult,
  CopilotServerConfig,
  CopilotSession,
  connected,
  mcpAuthHandler,
  mcpServers,
};

import { McpAuth } from "mcp-auth-runtime";

interface McpProxy<Name extends string = string> {
    url(name: Name): string;
    mcpServers(names?: readonly Name[]): Record<string, {
        readonly type: "http";
        readonly url: string;
    }>;
    stop(): Promise<void>;
}

interface ProxyOptions<Name extends string = string> {
    readonly servers?: readonly Name[];
    readonly listen?: string;
    readonly socket?: string;
    readonly token?: string;
    readonly anyUser?: boolean;
    readonly health?: string;
}

declare function startProxy<Name extends string>(auth: McpAuth<Name>, options?: ProxyOptions<NoInfer<Name>>): Promise<McpProxy<Name>>;

export {
  McpProxy,
  ProxyOptions,
  startProxy,
};

import { FetchFunction } from "mcp-auth-runtime";

import { TokenManager } from "mcp-auth-runtime";

interface OpenAiAgentsServerOptions {
    readonly name: string;
    readonly url: string;
    readonly fetch: FetchFunction;
    readonly clientSessionTimeoutSeconds: number;
    readonly timeout: number;
    readonly errorFunction: (failure: {
        readonly error: unknown;
    }) => string;
}

declare function serverOptions(manager: TokenManager): OpenAiAgentsServerOptions;

export {
  OpenAiAgentsServerOptions,
  serverOptions,
};

import { FetchFunction } from "mcp-auth-runtime";

import { TokenManager } from "mcp-auth-runtime";

interface AiSdkTransport {
    readonly type: "http";
    readonly url: string;
    readonly redirect: "follow";
    readonly fetch: FetchFunction;
}

declare function transport(manager: TokenManager): AiSdkTransport;

export {
  AiSdkTransport,
  transport,
};

import { FetchFunction } from "mcp-auth-runtime";

import { TokenManager } from "mcp-auth-runtime";

interface GoogleAdkConnectionParams {
    type: "StreamableHTTPConnectionParams";
    url: string;
    transportOptions: {
        fetch: FetchFunction;
    };
}

declare function connectionParams(manager: TokenManager): GoogleAdkConnectionParams;

export {
  GoogleAdkConnectionParams,
  connectionParams,
};

import { FetchFunction } from "mcp-auth-runtime";

import { TokenManager } from "mcp-auth-runtime";

interface McpSdkAuthProvider {
    token(): Promise<string>;
    onUnauthorized(context?: {
        readonly response?: Response;
    }): Promise<void>;
}

interface McpSdkClientMetadata {
    client_name: string;
    redirect_uris: string[];
    grant_types: string[];
}

interface McpSdkOAuthProvider {
    readonly redirectUrl: undefined;
    readonly clientMetadata: McpSdkClientMetadata;
    clientInformation(): {
        client_id: string;
        issuer: string;
    };
    tokens(): Promise<{
        access_token: string;
        token_type: string;
    }>;
    saveTokens(tokens: McpSdkTokens): Promise<void>;
    addClientAuthentication(headers: Headers, params: URLSearchParams, url: string | URL, metadata?: {
        readonly issuer: string;
    }): Promise<void>;
    prepareTokenRequest(scope?: string): Promise<URLSearchParams>;
    invalidateCredentials(): void;
    redirectToAuthorization(): never;
    saveCodeVerifier(): void;
    codeVerifier(): never;
}

interface McpSdkTokens {
    access_token: string;
    token_type: string;
    expires_in?: number | undefined;
    scope?: string | undefined;
}

interface McpSdkTransportOptions {
    readonly fetch: FetchFunction;
}

declare function authProvider(manager: TokenManager): McpSdkAuthProvider;

declare function oauthProvider(manager: TokenManager): McpSdkOAuthProvider;

declare function transportOptions(manager: TokenManager): McpSdkTransportOptions;

export {
  McpSdkAuthProvider,
  McpSdkClientMetadata,
  McpSdkOAuthProvider,
  McpSdkTokens,
  McpSdkTransportOptions,
  authProvider,
  oauthProvider,
  transportOptions,
};

import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  verifyBearerToken,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import { introspectionVerifier, jwtVerifier, tokenIdOf } from "./access-token-verifier.js";
import { listen } from "./listen.js";

export interface McpServerOptions {
  /** The authorization server whose tokens are good here. */
  readonly issuer: string;
  /** Default `/mcp`. */
  readonly path?: string;
  /** A token that lacks one of them gets 403 `insufficient_scope`. */
  readonly scopes?: readonly string[];
  /** Registers the tools of each new instance, of which there is one a request; default a tool `echo`. */
  readonly tools?: (server: McpServer) => void;
  /**
   * How tokens are checked: as JWTs against the issuer's keys, which is the default, or by asking the issuer as the
   * client given (RFC 7662).
   */
  readonly introspectAs?: { readonly id: string; readonly secret: string };
  /** `false`: neither resource metadata (RFC 9728) nor a pointer to it. */
  readonly publishMetadata?: boolean;
  /** What the resource metadata lists; default the issuer. */
  readonly authorizationServers?: readonly string[];
}

/** One request, to whatever path. */
export interface McpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Which token it came with, whether or not that was accepted. */
  readonly jti: string | undefined;
  readonly status: number;
}

export interface RunningMcpServer extends AsyncDisposable {
  readonly origin: string;
  /** The MCP endpoint, and the resource that tokens must be for. */
  readonly url: string;
  /** In the order in which they were answered. */
  readonly requests: readonly McpRequest[];
  /** How many of them got 401. */
  readonly unauthorized: number;
  /** The token with this `jti` gets 401 from now on. */
  revoke(jti: string): void;
  close(): Promise<void>;
}

/**
 * A real, protected MCP server on loopback: the SDK's own, without sessions, on both the 2025 and the 2026 wire.
 * It accepts only tokens of its issuer, for its own URL, with its scopes, that have not expired.
 */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const { issuer, path = "/mcp", scopes = [], publishMetadata = true, tools = echo } = options;
  const requests: McpRequest[] = [];
  const revoked = new Set<string>();
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: path.slice(1), version: "1.0.0" });
    tools(server);
    return server;
  });
  const answerMcp = toNodeHandler(handler);

  const { origin, close } = await listen((origin): RequestListener => {
    const url = `${origin}${path}`;
    const metadataUrl = getOAuthProtectedResourceMetadataUrl(new URL(url));
    const metadata = {
      resource: url,
      authorization_servers: options.authorizationServers ?? [issuer],
      bearer_methods_supported: ["header"],
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    };
    const verify = options.introspectAs
      ? introspectionVerifier(issuer, url, options.introspectAs)
      : jwtVerifier(issuer, url);
    const gate = {
      verifier: { verifyAccessToken: (token: string) => verify(token, revoked) },
      requiredScopes: [...scopes],
      expectedResource: new URL(url),
      ...(publishMetadata ? { resourceMetadataUrl: metadataUrl } : {}),
    };

    const answer = async (
      request: IncomingMessage & { auth?: AuthInfo },
      response: ServerResponse,
    ): Promise<void> => {
      const target = new URL(request.url ?? "/", origin);
      if (publishMetadata && target.href === metadataUrl) return sendJson(response, 200, metadata);
      if (target.pathname !== path) return sendJson(response, 404, { error: "not_found" });
      try {
        request.auth = await verifyBearerToken(request.headers.authorization, gate);
      } catch (error) {
        const refusal = bearerAuthChallengeResponse(error, gate);
        return sendJson(response, refusal.status, await refusal.json(), Object.fromEntries(refusal.headers));
      }
      // The SDK writes its type of a request without `undefined` in optional properties, Node's has it.
      return answerMcp(request as Parameters<typeof answerMcp>[0], response);
    };

    return (request, response) => {
      response.once("close", () => {
        requests.push({
          method: request.method ?? "",
          path: request.url ?? "",
          headers: request.headers,
          jti: tokenIdOf(request.headers.authorization),
          status: response.statusCode,
        });
      });
      answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { error: String(error) });
        else response.destroy();
      });
    };
  });

  const stop = async (): Promise<void> => {
    await handler.close();
    await close();
  };
  return {
    origin,
    url: `${origin}${path}`,
    requests,
    get unauthorized() {
      return requests.filter(({ status }) => status === 401).length;
    },
    revoke: (jti) => void revoked.add(jti),
    close: stop,
    [Symbol.asyncDispose]: stop,
  };
}

function echo(server: McpServer): void {
  server.registerTool(
    "echo",
    { description: "Gives back what it is given.", inputSchema: z.object({ text: z.string() }) },
    ({ text }) => ({ content: [{ type: "text", text }] }),
  );
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(value));
}

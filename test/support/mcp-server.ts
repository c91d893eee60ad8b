import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  type AuthInfo,
  createMcpHandler,
  getOAuthProtectedResourceMetadataUrl,
  McpServer,
  requireScopes,
} from "@modelcontextprotocol/server";
import * as z from "zod";
import { introspectionVerifier, jwtVerifier, tokenIdOf } from "./access-token-verifier.js";
import type { Authority } from "./certificates.js";
import { ProofChecker } from "./dpop-proofs.js";
import { listen } from "./listen.js";
import { certificateThumbprint, clientCertificate, serverTls, trustingFetch } from "./mutual-tls.js";
import { TokenGate } from "./token-gate.js";

export interface McpServerOptions {
  /** The authorization server whose tokens the server accepts. */
  readonly issuer: string;
  /** Default: `/mcp`. */
  readonly path?: string;
  /** Required scopes. A token that lacks one gets 403 `insufficient_scope`. */
  readonly scopes?: readonly string[];
  /**
   * Registers the tools of a server instance; each request gets a new instance. Default: a tool `echo`, and one like it
   * for each name in `toolScopes`.
   */
  readonly tools?: (server: McpServer) => void;
  /** Scopes that a token needs to call a default tool. Without them, the SDK answers 403 `insufficient_scope`. */
  readonly toolScopes?: Readonly<Record<string, readonly string[]>>;
  /** More paths that answer like `path`, and the scopes that a token needs there. */
  readonly pathScopes?: Readonly<Record<string, readonly string[]>>;
  /**
   * RFC 9449. The server accepts key-bound tokens with a proof. With `required`, it accepts no other tokens. With
   * `nonces`, every proof needs a nonce. By default the server does not support DPoP.
   */
  readonly dpop?: {
    readonly required?: boolean;
    readonly nonces?: boolean;
    /** Default: ES256 and EdDSA. */
    readonly algorithms?: readonly string[];
  };
  /**
   * Serves https, and trusts the authority for connections to the issuer. The server asks clients for a certificate,
   * which certificate-bound tokens need (RFC 8705 §3). With `required`, it accepts no other tokens.
   */
  readonly tls?: { readonly authority: Authority; readonly required?: boolean };
  /**
   * The client with which the server introspects tokens at the issuer (RFC 7662). Default: the server verifies tokens
   * as JWTs with the issuer's keys.
   */
  readonly introspectAs?: { readonly id: string; readonly secret: string };
  /** `false`: the server has no resource metadata (RFC 9728), and its challenges do not mention any. */
  readonly publishMetadata?: boolean;
  /** The authorization servers in the resource metadata. Default: the issuer. */
  readonly authorizationServers?: readonly string[];
}

/** A request to any path of the server. */
export interface McpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The `jti` of the request's token, whether or not the server accepted it. */
  readonly jti: string | undefined;
  /** Thumbprint (`x5t#S256`) of the certificate that the client presented. */
  readonly certificateThumbprint: string | undefined;
  readonly status: number;
  readonly isAnswered: boolean;
}

export interface RunningMcpServer extends AsyncDisposable {
  readonly origin: string;
  /** The MCP endpoint, which is also the resource that tokens must be for. */
  readonly url: string;
  /** All requests, in the order in which they arrived. */
  readonly requests: readonly McpRequest[];
  /** Number of requests that got 401. */
  readonly unauthorized: number;
  /** Answers 401 to the token with this `jti` from now on. */
  revoke(jti: string): void;
  /**
   * Creates a new DPoP nonce. With `keepPrevious`, the previous nonce stays valid while responses announce the new one.
   */
  rotateNonce(keepPrevious?: boolean): void;
  close(): Promise<void>;
}

/**
 * Starts a real, protected MCP server on loopback: the SDK's server without sessions, for both the 2025 and the 2026
 * protocol. It accepts only unexpired tokens of its issuer, for its own URL, with its scopes.
 */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const { issuer, path = "/mcp", scopes = [], publishMetadata = true, tls, dpop } = options;
  const { tools = echoes(options.toolScopes), pathScopes = {} } = options;
  const requests: McpRequest[] = [];
  const revoked = new Set<string>();
  const algorithms = dpop?.algorithms ?? ["ES256", "EdDSA"];
  const proofs = dpop && new ProofChecker({ nonces: dpop.nonces === true, algorithms });
  const toIssuer = tls && trustingFetch(tls.authority);
  const handler = createMcpHandler(() => {
    const server = new McpServer({ name: path.slice(1), version: "1.0.0" });
    tools(server);
    return server;
  });

  const serve = (origin: string): RequestListener => {
    const url = `${origin}${path}`;
    const metadataUrl = getOAuthProtectedResourceMetadataUrl(new URL(url));
    const metadata = {
      resource: url,
      authorization_servers: options.authorizationServers ?? [issuer],
      bearer_methods_supported: ["header"],
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
      ...(dpop && { dpop_signing_alg_values_supported: algorithms }),
      ...(dpop?.required && { dpop_bound_access_tokens_required: true }),
      ...(tls && { tls_client_certificate_bound_access_tokens: true }),
    };
    const verify = options.introspectAs
      ? introspectionVerifier(issuer, url, options.introspectAs, toIssuer?.fetch)
      : jwtVerifier(issuer, url, toIssuer?.fetch);
    const gate = new TokenGate({
      url,
      verify: (token) => verify(token, revoked),
      proofs,
      algorithms,
      bound: dpop?.required ? "dpop" : tls?.required ? "certificate" : "any",
      ...(publishMetadata ? { resourceMetadataUrl: metadataUrl } : {}),
    });

    const answer = async (
      request: IncomingMessage & { auth?: AuthInfo },
      response: ServerResponse,
    ): Promise<void> => {
      const target = new URL(request.url ?? "/", origin);
      if (publishMetadata && target.href === metadataUrl) return sendJson(response, 200, metadata);
      const more = target.pathname === path ? [] : pathScopes[target.pathname];
      if (more === undefined) return sendJson(response, 404, { error: "not_found" });
      const required = [...scopes, ...more];
      try {
        request.auth = await gate.admit(request, required);
      } catch (error) {
        const { status, headers, body } = await gate.refusal(error, request, required);
        return sendJson(response, status, body, headers);
      }
      if (proofs?.nonce !== undefined) response.setHeader("dpop-nonce", proofs.nonce);
      const answerMcp = toNodeHandler({
        async fetch(message, more) {
          const answered = await handler.fetch(message, more);
          const bearer = answered.headers.get("www-authenticate");
          // The SDK supports only the Bearer scheme.
          if (bearer !== null) answered.headers.set("www-authenticate", gate.challenge(bearer, request));
          return answered;
        },
      });
      // The SDK's request type has no `undefined` in optional properties, Node's does.
      return answerMcp(request as Parameters<typeof answerMcp>[0], response);
    };

    return (request, response) => {
      const certificate = clientCertificate(request);
      requests.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        jti: tokenIdOf(request.headers.authorization),
        certificateThumbprint: certificate && certificateThumbprint(certificate),
        // Getters, because a test may look at a streaming response before it ends.
        get status() {
          return response.statusCode;
        },
        get isAnswered() {
          return response.headersSent;
        },
      });
      answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { error: String(error) });
        else response.destroy();
      });
    };
  };

  const { origin, close } = await listen(serve, tls && (await serverTls({ ...tls, askClients: true })));
  const stop = async (): Promise<void> => {
    await handler.close();
    await close();
    await toIssuer?.close();
  };
  return {
    origin,
    url: `${origin}${path}`,
    requests,
    get unauthorized() {
      return requests.filter(({ status }) => status === 401).length;
    },
    revoke: (jti) => void revoked.add(jti),
    rotateNonce: (keepPrevious = false) => proofs?.rotate(keepPrevious),
    close: stop,
    [Symbol.asyncDispose]: stop,
  };
}

function echoes(toolScopes: McpServerOptions["toolScopes"] = {}): (server: McpServer) => void {
  return (server) => {
    for (const name of new Set(["echo", ...Object.keys(toolScopes)])) {
      const [scope, ...scopes] = toolScopes[name] ?? [];
      server.registerTool(
        name,
        {
          description: "Returns its input.",
          inputSchema: z.object({ text: z.string() }),
          // Some hosts make calls at once only to tools that change nothing.
          annotations: { readOnlyHint: true },
          ...(scope === undefined ? {} : { scopeChallenge: requireScopes(scope, ...scopes) }),
        },
        ({ text }) => ({ content: [{ type: "text", text }] }),
      );
    }
  };
}

function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, "content-type": "application/json" }).end(JSON.stringify(value));
}

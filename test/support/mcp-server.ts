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
import { Proofs } from "./dpop-proofs.js";
import { listen } from "./listen.js";
import { certificateThumbprint, clientCertificate, serverTls, trustingFetch } from "./mutual-tls.js";
import { TokenGate } from "./token-gate.js";

export interface McpServerOptions {
  /** The authorization server whose tokens are good here. */
  readonly issuer: string;
  /** Default `/mcp`. */
  readonly path?: string;
  /** A token that lacks one of them gets 403 `insufficient_scope`. */
  readonly scopes?: readonly string[];
  /**
   * Registers the tools of each new instance, of which there is one a request; default a tool `echo`, and one more
   * like it for each name in `toolScopes`.
   */
  readonly tools?: (server: McpServer) => void;
  /** What a token needs to call one of the default tools: the SDK itself answers 403 `insufficient_scope`. */
  readonly toolScopes?: Readonly<Record<string, readonly string[]>>;
  /** Further paths, beside `path`, that answer as that does, and the scopes that a token needs there. */
  readonly pathScopes?: Readonly<Record<string, readonly string[]>>;
  /**
   * RFC 9449: tokens bound to a key are taken with a proof; with `required` no others are; with `nonces` every proof
   * needs one. By default the server knows nothing of it.
   */
  readonly dpop?: {
    readonly required?: boolean;
    readonly nonces?: boolean;
    /** Default ES256 and EdDSA. */
    readonly algorithms?: readonly string[];
  };
  /**
   * https, and trust in the authority for the issuer too. Clients are asked for a certificate, which tokens that are
   * bound to one need (RFC 8705 §3); with `required` no others are taken.
   */
  readonly tls?: { readonly authority: Authority; readonly required?: boolean };
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
  /** `x5t#S256` of the certificate that the client presented. */
  readonly certificateThumbprint: string | undefined;
  readonly status: number;
  readonly isAnswered: boolean;
}

export interface RunningMcpServer extends AsyncDisposable {
  readonly origin: string;
  /** The MCP endpoint, and the resource that tokens must be for. */
  readonly url: string;
  /** In the order in which they came. */
  readonly requests: readonly McpRequest[];
  /** How many of them got 401. */
  readonly unauthorized: number;
  /** The token with this `jti` gets 401 from now on. */
  revoke(jti: string): void;
  /**
   * A new DPoP nonce. The one before is good no more, or with `gently` goes on being good while answers announce the
   * new one.
   */
  rotateNonce(gently?: boolean): void;
  close(): Promise<void>;
}

/**
 * A real, protected MCP server on loopback: the SDK's own, without sessions, on both the 2025 and the 2026 wire.
 * It accepts only tokens of its issuer, for its own URL, with its scopes, that have not expired.
 */
export async function startMcpServer(options: McpServerOptions): Promise<RunningMcpServer> {
  const { issuer, path = "/mcp", scopes = [], publishMetadata = true, tls, dpop } = options;
  const { tools = echoes(options.toolScopes), pathScopes = {} } = options;
  const requests: McpRequest[] = [];
  const revoked = new Set<string>();
  const algorithms = dpop?.algorithms ?? ["ES256", "EdDSA"];
  const proofs = dpop && new Proofs({ nonces: dpop.nonces === true, algorithms });
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
          // The SDK knows one scheme only.
          if (bearer !== null) answered.headers.set("www-authenticate", gate.challenge(bearer, request));
          return answered;
        },
      });
      // The SDK writes its type of a request without `undefined` in optional properties, Node's has it.
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
        // A stream is read before it ends: what is recorded then would come too late for a test.
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
    rotateNonce: (gently = false) => proofs?.rotate(gently),
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
          description: "Gives back what it is given.",
          inputSchema: z.object({ text: z.string() }),
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

import type { IncomingMessage } from "node:http";
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
  verifyBearerToken,
} from "@modelcontextprotocol/server";
import type { VerifyAccessToken } from "./access-token-verifier.js";
import { type ProofChecker, ProofError } from "./dpop-proofs.js";
import { certificateThumbprint, clientCertificate } from "./mutual-tls.js";

export interface GateOptions {
  /** The resource that tokens must be for. Proofs must be for its origin. */
  readonly url: string;
  readonly verify: (token: string) => ReturnType<VerifyAccessToken>;
  readonly resourceMetadataUrl?: string;
  /** `undefined` for a server without DPoP support. */
  readonly proofs: ProofChecker | undefined;
  readonly algorithms: readonly string[];
  /** Accepted tokens: any, only those bound to a DPoP key, or only those bound to a certificate. */
  readonly bound: "any" | "dpop" | "certificate";
}

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** Checks the access token of each request to a protected resource, and builds the response to a refused one. */
export class TokenGate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Checks a request's token, its scheme and its binding. Throws an error for `refusal`. */
  async admit(request: IncomingMessage, requiredScopes: readonly string[]): Promise<AuthInfo> {
    const { url, verify, resourceMetadataUrl } = this.#options;
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    const usesDpop = scheme?.toLowerCase() === "dpop" && this.#options.proofs !== undefined;
    return verifyBearerToken(usesDpop ? `Bearer ${token}` : request.headers.authorization, {
      verifier: {
        verifyAccessToken: async (accessToken) => {
          const info = await verify(accessToken);
          await this.#checkBinding(request, info, usesDpop);
          return info;
        },
      },
      requiredScopes: [...requiredScopes],
      expectedResource: new URL(url),
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    });
  }

  async refusal(
    error: unknown,
    request: IncomingMessage,
    requiredScopes: readonly string[],
  ): Promise<Refusal> {
    const { resourceMetadataUrl, proofs } = this.#options;
    const challengeOptions = {
      requiredScopes: [...requiredScopes],
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    };
    const reason =
      error instanceof ProofError ? new OAuthError(OAuthErrorCode.InvalidToken, error.message) : error;
    const response = bearerAuthChallengeResponse(reason, challengeOptions);
    const headers = Object.fromEntries(response.headers);
    const bearer = headers["www-authenticate"];
    if (bearer !== undefined) {
      headers["www-authenticate"] = this.challenge(
        bearer,
        request,
        error instanceof ProofError ? error.error : undefined,
      );
    }
    if (proofs?.nonce !== undefined && /^DPoP /i.test(request.headers.authorization ?? "")) {
      headers["dpop-nonce"] = proofs.nonce;
    }
    return { status: response.status, headers, body: await response.json() };
  }

  /** Rewrites a Bearer challenge for the schemes of this server, or for the scheme of the request (RFC 9449 §7.1). */
  challenge(bearer: string, request: IncomingMessage, error?: ProofError["error"]): string {
    const { proofs, algorithms, bound } = this.#options;
    if (proofs === undefined) return bearer;
    const used = /^(Bearer|DPoP) /i.exec(request.headers.authorization ?? "")?.[1]?.toLowerCase();
    const dpop = bearer
      .replace(/^Bearer /, "DPoP ")
      .replace(/error="[^"]*"/, (given) => (error === undefined ? given : `error="${error}"`));
    const withAlgorithms = `${dpop}, algs="${algorithms.join(" ")}"`;
    if (used === "dpop" || bound === "dpop") return withAlgorithms;
    return used === "bearer" ? bearer : `${bearer}, ${withAlgorithms}`;
  }

  async #checkBinding(request: IncomingMessage, info: AuthInfo, usesDpop: boolean): Promise<void> {
    const { proofs, bound, url } = this.#options;
    // The verifier has put the `cnf` claim (RFC 7800) here, if the token has one.
    const cnf = (info.extra?.["cnf"] ?? {}) as { readonly jkt?: string; readonly "x5t#S256"?: string };
    const { jkt, "x5t#S256": thumbprint } = cnf;
    // A server without DPoP support ignores the binding to a key.
    if (proofs !== undefined && usesDpop !== (jkt !== undefined))
      throw invalid(usesDpop ? "not bound to a key" : "bound to a key");
    if (bound === "dpop" && jkt === undefined) throw invalid("not bound to a key");
    if (bound === "certificate" && thumbprint === undefined) throw invalid("not bound to a certificate");
    if (thumbprint !== undefined) {
      const certificate = clientCertificate(request);
      if (certificate === undefined || certificateThumbprint(certificate) !== thumbprint) {
        throw invalid("bound to another certificate");
      }
    }
    if (jkt === undefined || proofs === undefined) return;
    const { dpop } = request.headers;
    await proofs.check({
      // Node joins two headers into one with a comma, which is not a valid JWT.
      proof: typeof dpop === "string" ? dpop : undefined,
      method: request.method ?? "",
      url: new URL(request.url ?? "/", url).href,
      accessToken: info.token,
      jkt,
    });
  }
}

function invalid(reason: string): OAuthError {
  return new OAuthError(OAuthErrorCode.InvalidToken, reason);
}

import type { IncomingMessage } from "node:http";
import {
  type AuthInfo,
  bearerAuthChallengeResponse,
  OAuthError,
  OAuthErrorCode,
  verifyBearerToken,
} from "@modelcontextprotocol/server";
import type { VerifyAccessToken } from "./access-token-verifier.js";
import { ProofRefused, type Proofs } from "./dpop-proofs.js";
import { certificateThumbprint, clientCertificate } from "./mutual-tls.js";

export interface GateOptions {
  /** The resource that tokens have to be for, and the origin that proofs are for. */
  readonly url: string;
  readonly verify: (token: string) => ReturnType<VerifyAccessToken>;
  readonly resourceMetadataUrl?: string;
  /** `undefined`: a server that knows nothing of DPoP. */
  readonly proofs: Proofs | undefined;
  readonly algorithms: readonly string[];
  /** Which tokens are good: any, those bound to a DPoP key, those bound to a certificate. */
  readonly bound: "any" | "dpop" | "certificate";
}

export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** What stands before a protected resource: lets requests in with the token they came with, or refuses them. */
export class TokenGate {
  readonly #options: GateOptions;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Throws for `refusal`. The scheme is checked against what the token is bound to, and then the binding itself. */
  async admit(request: IncomingMessage, requiredScopes: readonly string[]): Promise<AuthInfo> {
    const { url, verify, resourceMetadataUrl } = this.#options;
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    const proven = scheme?.toLowerCase() === "dpop" && this.#options.proofs !== undefined;
    return verifyBearerToken(proven ? `Bearer ${token}` : request.headers.authorization, {
      verifier: {
        verifyAccessToken: async (accessToken) => {
          const info = await verify(accessToken);
          await this.#checkBinding(request, info, proven);
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
    const about = {
      requiredScopes: [...requiredScopes],
      ...(resourceMetadataUrl === undefined ? {} : { resourceMetadataUrl }),
    };
    const reason =
      error instanceof ProofRefused ? new OAuthError(OAuthErrorCode.InvalidToken, error.message) : error;
    const response = bearerAuthChallengeResponse(reason, about);
    const headers = Object.fromEntries(response.headers);
    const bearer = headers["www-authenticate"];
    if (bearer !== undefined) {
      headers["www-authenticate"] = this.challenge(
        bearer,
        request,
        error instanceof ProofRefused ? error.error : undefined,
      );
    }
    if (proofs?.nonce !== undefined && /^DPoP /i.test(request.headers.authorization ?? "")) {
      headers["dpop-nonce"] = proofs.nonce;
    }
    return { status: response.status, headers, body: await response.json() };
  }

  /** A Bearer challenge in the schemes of this server, RFC 9449 §7.1: to a client that used one, in that. */
  challenge(bearer: string, request: IncomingMessage, error?: ProofRefused["error"]): string {
    const { proofs, algorithms, bound } = this.#options;
    if (proofs === undefined) return bearer;
    const used = /^(Bearer|DPoP) /i.exec(request.headers.authorization ?? "")?.[1]?.toLowerCase();
    const dpop = bearer
      .replace(/^Bearer /, "DPoP ")
      .replace(/error="[^"]*"/, (said) => (error === undefined ? said : `error="${error}"`));
    const withAlgorithms = `${dpop}, algs="${algorithms.join(" ")}"`;
    if (used === "dpop" || bound === "dpop") return withAlgorithms;
    return used === "bearer" ? bearer : `${bearer}, ${withAlgorithms}`;
  }

  async #checkBinding(request: IncomingMessage, info: AuthInfo, proven: boolean): Promise<void> {
    const { proofs, bound, url } = this.#options;
    // What the verifier put there: the `cnf` claim, RFC 7800, or nothing.
    const cnf = (info.extra?.["cnf"] ?? {}) as { readonly jkt?: string; readonly "x5t#S256"?: string };
    const { jkt, "x5t#S256": thumbprint } = cnf;
    // A server that knows nothing of DPoP does not look for what it would mean.
    if (proofs !== undefined && proven !== (jkt !== undefined))
      throw invalid(proven ? "bound to no key" : "bound to a key");
    if (bound === "dpop" && jkt === undefined) throw invalid("bound to no key");
    if (bound === "certificate" && thumbprint === undefined) throw invalid("bound to no certificate");
    if (thumbprint !== undefined) {
      const certificate = clientCertificate(request);
      if (certificate === undefined || certificateThumbprint(certificate) !== thumbprint) {
        throw invalid("bound to another certificate");
      }
    }
    if (jkt === undefined || proofs === undefined) return;
    const { dpop } = request.headers;
    await proofs.check({
      // Two headers become one with a comma, which is no JWT.
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

import { generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { signJwt, thumbprint, verifyJwt } from "./jwt.js";
import type { VerificationKey } from "./registered-clients.js";

type Json = Readonly<Record<string, unknown>>;

/** What a token is issued for. */
export interface Granted {
  readonly clientId: string;
  readonly subject: string;
  readonly audience: string | readonly string[];
  readonly scopes: readonly string[];
  /** The claim `act` of RFC 8693 §4.1. */
  readonly actor?: string | undefined;
  /** The thumbprint of the DPoP key that the token is bound to. */
  readonly jkt?: string | undefined;
}

/** The signing keys of the server, and the tokens that it has issued. */
export class IssuedTokens {
  readonly #issuer: string;
  /** Seconds. */
  readonly #lifetime: number;
  #signer: { readonly privateKey: KeyObject; readonly kid: string };
  #keys: readonly VerificationKey[] = [];
  /** The `jti` of revoked access tokens. */
  readonly #revoked = new Set<string>();
  readonly #refreshTokens = new Map<string, Granted>();

  constructor(issuer: string, lifetime: number) {
    this.#issuer = issuer;
    this.#lifetime = lifetime;
    this.#signer = this.#newSigner();
  }

  get lifetime(): number {
    return this.#lifetime;
  }

  /** The public keys, the current one first. */
  get jwks(): { readonly keys: readonly object[] } {
    const keys = this.#keys.map(({ key, kid }) => ({
      ...key.export({ format: "jwk" }),
      kid,
      alg: "ES256",
      use: "sig",
    }));
    return { keys };
  }

  rotateKeys(): void {
    this.#signer = this.#newSigner();
  }

  /** Issues an access token, RFC 9068. */
  issue({ clientId, subject, audience, scopes, actor, jkt }: Granted): string {
    const iat = Math.floor(Date.now() / 1_000);
    const claims = {
      ...{ iss: this.#issuer, sub: subject, aud: audience, client_id: clientId },
      ...{ iat, exp: iat + this.#lifetime, jti: randomUUID() },
      ...(scopes.length > 0 && { scope: scopes.join(" ") }),
      ...(actor !== undefined && { act: { sub: actor } }),
      ...(jkt !== undefined && { cnf: { jkt } }),
    };
    return signJwt({ typ: "at+jwt", kid: this.#signer.kid }, claims, this.#signer.privateKey);
  }

  issueRefreshToken(granted: Granted): string {
    const token = randomUUID();
    this.#refreshTokens.set(token, granted);
    return token;
  }

  /** Returns what a refresh token is for. */
  refreshTokenOf(token: string): Granted | undefined {
    return this.#refreshTokens.get(token);
  }

  /** Revokes an access or refresh token. Returns whether the server has issued it. */
  revoke(token: string): boolean {
    const { jti } = verifyJwt(token, this.#keys)?.claims ?? {};
    if (typeof jti === "string") this.#revoked.add(jti);
    return this.#refreshTokens.delete(token) || typeof jti === "string";
  }

  /** Returns the claims of an access token of this server that is neither expired nor revoked. */
  activeClaims(token: string): Json | undefined {
    const { claims } = verifyJwt(token, this.#keys) ?? {};
    if (claims === undefined || Number(claims["exp"]) * 1_000 <= Date.now()) return undefined;
    return this.#revoked.has(String(claims["jti"])) ? undefined : claims;
  }

  #newSigner(): { readonly privateKey: KeyObject; readonly kid: string } {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const kid = thumbprint(publicKey);
    this.#keys = [{ key: publicKey, kid }, ...this.#keys];
    return { privateKey, kid };
  }
}

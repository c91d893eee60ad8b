import { X509Certificate } from "node:crypto";
import type { JWK } from "jose";
import type { ClientMetadata } from "oidc-provider";

export type ClientAuthenticationMethod =
  | "client_secret_basic"
  | "client_secret_post"
  | "client_secret_jwt"
  | "private_key_jwt"
  | "tls_client_auth"
  | "self_signed_tls_client_auth"
  | "none";

export interface RegisteredClient {
  readonly id: string;
  /** ASCII, which is all that oidc-provider takes; for `client_secret_jwt` as long as the hash of the algorithm. */
  readonly secret?: string;
  /** What the client signs its assertions with, public half, with or without `kid`. */
  readonly publicKey?: JWK;
  /** The one algorithm that assertions may have; by default any that suits the key. */
  readonly alg?: string;
  /**
   * Default: `private_key_jwt` with a key, `client_secret_basic` with a secret (which lets post pass too),
   * `tls_client_auth` with a subject, `self_signed_tls_client_auth` with certificates, else `none`.
   */
  readonly method?: ClientAuthenticationMethod;
  /** RFC 8705 §2.1: the subject of its certificate, RFC 4514, which the server's authority must have issued. */
  readonly subjectDn?: string;
  /** RFC 8705 §2.2: PEM of the certificates that it may present, registered as a JWKS with `x5c`. */
  readonly certificates?: readonly string[];
  /** Its tokens are bound to the certificate presented (RFC 8705 §3); default: when it authenticates with one. */
  readonly certificateBound?: boolean;
  /** It gets tokens with a DPoP proof only. */
  readonly dpopBound?: boolean;
  /** The scopes that it may ask for, others are `invalid_scope`; default all. */
  readonly scopes?: readonly string[];
}

/** The method that a client has to authenticate with. */
export function methodOf(client: RegisteredClient): ClientAuthenticationMethod {
  const { method, publicKey, secret, subjectDn, certificates } = client;
  if (method !== undefined) return method;
  if (publicKey !== undefined) return "private_key_jwt";
  if (secret !== undefined) return "client_secret_basic";
  if (subjectDn !== undefined) return "tls_client_auth";
  return certificates === undefined ? "none" : "self_signed_tls_client_auth";
}

/** A client as oidc-provider has it. */
export function registration(client: RegisteredClient, grantTypes: readonly string[]): ClientMetadata {
  const { id, secret, publicKey, alg, scopes, subjectDn, certificates } = client;
  const method = methodOf(client);
  const bound = client.certificateBound ?? /tls/.test(method);
  const keys = [...(publicKey === undefined ? [] : [publicKey]), ...(certificates ?? []).map(certificateJwk)];
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    grant_types: [...grantTypes],
    response_types: [],
    redirect_uris: [],
    // The default is RS256, for which this server has no key.
    id_token_signed_response_alg: "ES256",
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(keys.length === 0 ? {} : { jwks: { keys } }),
    ...(subjectDn === undefined ? {} : { tls_client_auth_subject_dn: subjectDn }),
    // Known to the server only where it asks for certificates.
    ...(bound ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(client.dpopBound === true ? { dpop_bound_access_tokens: true } : {}),
    // The type names the algorithms; an unknown one is refused when the server starts.
    ...(alg === undefined
      ? {}
      : {
          token_endpoint_auth_signing_alg: alg as NonNullable<
            ClientMetadata["token_endpoint_auth_signing_alg"]
          >,
        }),
    ...(scopes === undefined ? {} : { scope: scopes.join(" ") }),
  };
}

function certificateJwk(pem: string): JWK {
  const { publicKey, raw } = new X509Certificate(pem);
  // Node types JWKs with every member unknown.
  return { ...(publicKey.export({ format: "jwk" }) as JWK), x5c: [raw.toString("base64")] };
}

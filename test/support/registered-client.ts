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
  /** ASCII only, a limit of oidc-provider. For `client_secret_jwt`, at least as long as the algorithm's hash. */
  readonly secret?: string;
  /** Public key of the client's assertions, with or without `kid`. */
  readonly publicKey?: JWK;
  /** The only algorithm that the server accepts from this client. Default: any that fits the key. */
  readonly alg?: string;
  /**
   * Default: `private_key_jwt` with a key, `client_secret_basic` with a secret (the server then accepts post too),
   * `tls_client_auth` with a subject, `self_signed_tls_client_auth` with certificates, and otherwise `none`.
   */
  readonly method?: ClientAuthenticationMethod;
  /** Subject (RFC 4514) of the client's certificate, which the server's authority must have issued (RFC 8705 §2.1). */
  readonly subjectDn?: string;
  /** PEM of the certificates that the client may present, registered as a JWKS with `x5c` (RFC 8705 §2.2). */
  readonly certificates?: readonly string[];
  /**
   * Whether its tokens are certificate-bound (RFC 8705 §3). Default: if the client authenticates with a certificate.
   */
  readonly certificateBound?: boolean;
  /** Whether the client gets tokens only with a DPoP proof. */
  readonly dpopBound?: boolean;
  /** Scopes that the client may request. The server refuses others with `invalid_scope`. Default: all. */
  readonly scopes?: readonly string[];
}

/** Returns the client authentication method of a client. */
export function methodOf(client: RegisteredClient): ClientAuthenticationMethod {
  const { method, publicKey, secret, subjectDn, certificates } = client;
  if (method !== undefined) return method;
  if (publicKey !== undefined) return "private_key_jwt";
  if (secret !== undefined) return "client_secret_basic";
  if (subjectDn !== undefined) return "tls_client_auth";
  return certificates === undefined ? "none" : "self_signed_tls_client_auth";
}

/** Returns the client metadata that oidc-provider expects. */
export function clientMetadata(client: RegisteredClient, grantTypes: readonly string[]): ClientMetadata {
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
    // The default is RS256, and the server has no key for it.
    id_token_signed_response_alg: "ES256",
    ...(secret === undefined ? {} : { client_secret: secret }),
    ...(keys.length === 0 ? {} : { jwks: { keys } }),
    ...(subjectDn === undefined ? {} : { tls_client_auth_subject_dn: subjectDn }),
    // oidc-provider accepts this member only if its mTLS feature is on.
    ...(bound ? { tls_client_certificate_bound_access_tokens: true } : {}),
    ...(client.dpopBound === true ? { dpop_bound_access_tokens: true } : {}),
    // The type lists the known algorithms. oidc-provider rejects an unknown one on startup.
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
  // Node's type for a JWK has only members of type unknown.
  return { ...(publicKey.export({ format: "jwk" }) as JWK), x5c: [raw.toString("base64")] };
}

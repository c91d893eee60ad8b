import { createHash, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket, type TlsOptions } from "node:tls";
import { Agent } from "undici";
import type { Authority, IssuedCertificate } from "./certificates.js";

export interface ServerTlsOptions {
  /** Issues the server's certificate for 127.0.0.1. */
  readonly authority: Authority;
  /**
   * Whether the server asks clients for a certificate. It accepts connections with any certificate or none: only
   * certificates of the authority are `authorized`, and the application decides about others, such as self-signed ones.
   */
  readonly askClients: boolean;
}

/** Returns the options of a TLS server on loopback. */
export async function serverTls({ authority, askClients }: ServerTlsOptions): Promise<TlsOptions> {
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1", "localhost"] });
  return {
    cert: certificate,
    key: privateKey,
    ca: authority.certificate,
    requestCert: askClients,
    rejectUnauthorized: false,
  };
}

/** Returns the client's certificate, trusted or not. */
export function clientCertificate(request: IncomingMessage): X509Certificate | undefined {
  return request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
}

/** Returns whether the authority issued the client's certificate and the certificate is currently valid. */
function isAuthorized(request: IncomingMessage): boolean {
  return request.socket instanceof TLSSocket && request.socket.authorized;
}

/** Returns the `x5t#S256` thumbprint (RFC 8705 §3.1): SHA-256 of the DER in base64url. */
export function certificateThumbprint(certificate: X509Certificate | string): string {
  const { raw } = typeof certificate === "string" ? new X509Certificate(certificate) : certificate;
  return createHash("sha256").update(raw).digest("base64url");
}

/** The mTLS feature of oidc-provider, for a server that terminates TLS itself. */
export const mutualTlsFeature = {
  enabled: true,
  certificateBoundAccessTokens: true,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
  getCertificate: ({ req }: Context) => clientCertificate(req),
  certificateAuthorized: ({ req }: Context) => isAuthorized(req),
  certificateSubjectMatches: ({ req }: Context, property: string, expected: string) => {
    const certificate = clientCertificate(req);
    return (
      property === "tls_client_auth_subject_dn" &&
      certificate !== undefined &&
      subjectOf(certificate) === expected
    );
  },
};

interface Context {
  readonly req: IncomingMessage;
}

/** Returns the subject in the notation of RFC 4514. It does not escape, so test subjects have no commas. */
export function subjectOf(certificate: X509Certificate | string): string {
  const { subject } = typeof certificate === "string" ? new X509Certificate(certificate) : certificate;
  return subject.split("\n").reverse().join(",");
}

export interface TrustingFetch extends AsyncDisposable {
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/** Creates a `fetch` that trusts an authority and, if given, presents a client certificate. */
export function trustingFetch(
  authority: Pick<Authority, "certificate">,
  identity?: IssuedCertificate,
): TrustingFetch {
  const dispatcher = new Agent({
    connect: {
      ca: authority.certificate,
      rejectUnauthorized: true,
      ...(identity === undefined ? {} : { cert: identity.certificate, key: identity.privateKey }),
    },
  });
  const close = (): Promise<void> => dispatcher.destroy();
  return {
    // Node's fetch accepts undici's dispatchers, but its types come from another copy of undici.
    fetch: (input, init) => fetch(input, { ...init, dispatcher } as unknown as RequestInit),
    close,
    [Symbol.asyncDispose]: close,
  };
}

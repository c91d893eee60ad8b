import { createHash, X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { TLSSocket, type TlsOptions } from "node:tls";
import { Agent } from "undici";
import type { Authority, IssuedCertificate } from "./certificates.js";

export interface ServerTlsOptions {
  /** A certificate for 127.0.0.1 by this authority. */
  readonly authority: Authority;
  /**
   * Asks clients for a certificate. Any is let in, or none: only those of the authority are `authorized`, and what to
   * make of the others is for the application to say, as with self-signed ones.
   */
  readonly askClients: boolean;
}

/** What a TLS server on loopback listens with. */
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

/** The certificate of the client, trusted or not. */
export function clientCertificate(request: IncomingMessage): X509Certificate | undefined {
  return request.socket instanceof TLSSocket ? request.socket.getPeerX509Certificate() : undefined;
}

/** Whether the client's certificate is of the authority, and of today. */
function isAuthorized(request: IncomingMessage): boolean {
  return request.socket instanceof TLSSocket && request.socket.authorized;
}

/** `x5t#S256`, RFC 8705 §3.1: the SHA-256 of the DER, base64url. */
export function certificateThumbprint(certificate: X509Certificate | string): string {
  const { raw } = typeof certificate === "string" ? new X509Certificate(certificate) : certificate;
  return createHash("sha256").update(raw).digest("base64url");
}

/** What oidc-provider asks of those who end the TLS connections. */
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

/** The subject in the form of RFC 4514, the last one first. Nothing is escaped, so no commas in test subjects. */
export function subjectOf(certificate: X509Certificate | string): string {
  const { subject } = typeof certificate === "string" ? new X509Certificate(certificate) : certificate;
  return subject.split("\n").reverse().join(",");
}

export interface TrustingFetch extends AsyncDisposable {
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

/** A `fetch` that trusts an authority, and presents a certificate if it is given one. */
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
    // Node's own fetch takes undici's dispatchers, of which its types know another copy.
    fetch: (input, init) => fetch(input, { ...init, dispatcher } as unknown as RequestInit),
    close,
    [Symbol.asyncDispose]: close,
  };
}

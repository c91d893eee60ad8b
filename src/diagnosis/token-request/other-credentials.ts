import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { ownerOf } from "./names.js";

/** The certificate cannot authenticate a client (RFC 5280 §4.2.1.12). */
export function checkCertificateUsage({ endpoint }: RejectedRequest): Finding | undefined {
  if (endpoint.sent?.authentication?.certificate?.isForClients !== false) return undefined;
  return certificateNotForClients;
}

/** Returns the finding about a certificate, which `name` names at the beginning of a sentence. */
export function notForClients(name: string): Finding {
  return {
    id: "certificate_usage",
    cause: `${name} lacks the extended key usage "clientAuth", so most servers do not accept it.`,
    remedy: "Have one issued for client authentication.",
  };
}

/** Also for a handshake that failed, which has no response. */
export const certificateNotForClients = notForClients("The client's certificate");

export function checkCertificate({ endpoint }: RejectedRequest): Finding | undefined {
  if (endpoint.credential !== "certificate") return undefined;
  return {
    id: "certificate_not_registered",
    remedy:
      `Check ${ownerOf(endpoint)} "id", and that ${endpoint.issuer} has this certificate or its subject registered for ` +
      "it and trusts its issuer; a proxy in between may have removed the certificate.",
  };
}

/** The assertion that the platform issued authenticates the client. */
export function checkPlatformAssertion({ endpoint }: RejectedRequest): Finding | undefined {
  if (endpoint.credential !== "assertion") return undefined;
  return {
    id: "client_assertion",
    remedy:
      `Check ${ownerOf(endpoint)} "id", and that ${endpoint.issuer} trusts the issuer of its "assertion", for its ` +
      "subject and audience and for this client.",
  };
}

/** The server wants a client id, or a credential. */
export function checkPublicClient({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { issuer, credential, hasClientId } = endpoint;
  if (credential !== "none") return undefined;
  if (hasClientId) {
    return {
      id: "no_credential",
      remedy: `Check ${ownerOf(endpoint)} "id", and that ${issuer} accepts it without a credential.`,
    };
  }
  const id = "no_client_id";
  const remedy = 'ive the client its "id" and, if it has one, its credential.';
  return rejection.oauthError === "invalid_client"
    ? { id, cause: `${issuer} requires a client id.`, remedy: `G${remedy}` }
    : { id, remedy: `If ${issuer} requires a client id, g${remedy}` };
}

// Why a TLS connection is not trusted, one function per cause. OpenSSL and Node name the cause in the code of the error.
import { isLoopbackHost } from "../lib/loopback.js";
import type { Advice } from "./connect-advice.js";
import type { Connection, ExtraAuthorities } from "./connection.js";
import { proxyName } from "./proxy-advice.js";

/** Returns what a TLS failure with this code means, and what to do. */
export function tlsAdvice(code: string, connection: Connection | undefined): Advice {
  return (
    checkClientCertificate(code) ??
    checkProtocol(code, connection) ??
    checkValidity(code) ??
    checkName(code) ??
    checkAuthority(code, connection) ?? {
      id: "tls_other",
      text: "Check the certificate and the TLS settings of the server.",
    }
  );
}

/** The server sends alerts (RFC 8446 §6.2). Up to TLS 1.2, handshake_failure can also mean a missing certificate. */
function checkClientCertificate(code: string): Advice | undefined {
  if (/ALERT_CERTIFICATE_REQUIRED/.test(code)) {
    return {
      id: "tls_client_certificate_required",
      text: 'The server demands a client certificate. Give the client a "certificate" in the config, if it is registered with one.',
    };
  }
  if (
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/.test(
      code,
    )
  ) {
    return {
      id: "tls_client_certificate_rejected",
      text:
        "The server rejected the client certificate. Check that the certificate is not expired or revoked and comes with " +
        "its chain, and ask the operator of the server which authority it trusts.",
    };
  }
  if (!/ALERT_HANDSHAKE_FAILURE/.test(code)) return undefined;
  return {
    id: "tls_handshake_failure",
    text: "The server ended the handshake. It may demand a client certificate, or support no common TLS version or cipher.",
  };
}

function checkProtocol(code: string, connection: Connection | undefined): Advice | undefined {
  if (/UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|NO_PROTOCOLS/.test(code)) {
    return {
      id: "tls_old_version",
      text: "The server does not support TLS 1.2 or later on this port. Have it updated, or check the port of the URL.",
    };
  }
  if (!/WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST|^EPROTO$/.test(code)) return undefined;
  const isLocal = connection !== undefined && isLoopbackHost(connection.url.hostname);
  return {
    id: "tls_plain_port",
    text:
      "What answers there is not TLS: the port may expect plain http. " +
      (isLocal
        ? "Write the URL with http, or correct the port."
        : "Check the scheme and the port of the URL."),
  };
}

function checkValidity(code: string): Advice | undefined {
  if (code === "CERT_HAS_EXPIRED") {
    return {
      id: "tls_certificate_expired",
      text: "The server's certificate has expired. Have it renewed; if others can connect, correct the clock of this machine.",
    };
  }
  if (code !== "CERT_NOT_YET_VALID") return undefined;
  return {
    id: "tls_certificate_not_yet_valid",
    text: "The server's certificate is not valid yet. Check the clock of this machine first, then the certificate.",
  };
}

function checkName(code: string): Advice | undefined {
  if (!/ALTNAME_INVALID|HOSTNAME_MISMATCH/.test(code)) return undefined;
  return {
    id: "tls_certificate_name",
    text: "The server's certificate is for another name. Write the URL with a name that is in the certificate.",
  };
}

const wayToTrust =
  'name the certificate of that authority in "ca" under "network" in the config (network.ca), or in NODE_EXTRA_CA_CERTS.';

function checkAuthority(code: string, connection: Connection | undefined): Advice | undefined {
  if (!/^(?:UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO|CERT_UNTRUSTED|CERT_SIGNATURE_FAILURE)/.test(code))
    return undefined;
  const tried = whatIsTrusted(connection);
  const proxy = connection?.proxy;
  if (proxy !== undefined) {
    return {
      id: "tls_intercepted",
      text:
        `No trusted authority issued its certificate. If ${proxyName(proxy)} replaces certificates with its own, ` +
        `${wayToTrust}${tried}`,
    };
  }
  if (code.startsWith("DEPTH_ZERO")) {
    return {
      id: "tls_self_signed",
      text:
        'The certificate is self-signed. If it is the right one, name it in "ca" under "network" in the config (network.ca), ' +
        `or in NODE_EXTRA_CA_CERTS.${tried}`,
    };
  }
  // The code for a chain that ends before its root.
  if (/^UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)/.test(code)) {
    return {
      id: "tls_unknown_authority",
      text:
        `The authority that issued its certificate is not trusted. If it is your own, ${wayToTrust} If it is a public one, ` +
        `the server does not send its whole chain: tell its operator.${tried}`,
    };
  }
  return {
    id: "tls_private_authority",
    text: `Its certificate comes from an authority that is not trusted. To trust it, ${wayToTrust}${tried}`,
  };
}

/** Returns what was configured already and did not help, in sentences. */
function whatIsTrusted(connection: Connection | undefined): string {
  if (connection === undefined) return "";
  const { hasAuthorities, extraAuthorities = "unset" } = connection;
  return (hasAuthorities ? " The files in network.ca do not have it." : "") + aboutExtra[extraAuthorities];
}

const aboutExtra: Readonly<Record<ExtraAuthorities, string>> = {
  unset: "",
  missing: " NODE_EXTRA_CA_CERTS names a file that does not exist, which Node ignores.",
  unreadable: " NODE_EXTRA_CA_CERTS names a file that cannot be read, which Node ignores.",
  no_certificate: " NODE_EXTRA_CA_CERTS names a file without a certificate in PEM, which Node ignores.",
  too_late:
    " NODE_EXTRA_CA_CERTS has no effect, because Node reads it when the process starts: set it before that, or use network.ca.",
  read: " The file in NODE_EXTRA_CA_CERTS does not have it.",
};

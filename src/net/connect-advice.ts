// Why a server could not be reached, one function per cause.
import { isLoopbackHost } from "../lib/loopback.js";
import type { Connection } from "./connection.js";
import { proxyName, proxyRemedy } from "./proxy-advice.js";

/** An explanation of a failure, and its id. */
export interface Advice {
  readonly id: string;
  /** Whole sentences: what is wrong, and what to do. */
  readonly text: string;
}

/** What is known about a failure to reach a server. */
export interface Unreachable {
  /** The codes of the error and its causes. */
  readonly codes: readonly string[];
  /** The addresses that were tried, if the error has them. */
  readonly addresses: readonly string[];
  /** Whether no connection was opened. */
  readonly isConnectError: boolean;
  readonly connection: Connection | undefined;
}

/** Returns why a server could not be reached. */
export function unreachableAdvice(failure: Unreachable): Advice {
  const advice =
    checkTunnel(failure) ??
    checkName(failure) ??
    checkRefused(failure) ??
    checkRoute(failure) ??
    checkSilence(failure) ??
    checkClosed(failure);
  return advice ?? { id: "unreachable", text: "Check its address and the network." };
}

/** The connection goes through a proxy. Names and addresses concern the proxy then, and the tunnel was open. */
function checkTunnel({ connection, isConnectError }: Unreachable): Advice | undefined {
  if (connection?.proxy === undefined) return undefined;
  const when = isConnectError ? "during the TLS handshake" : "before the answer";
  return {
    id: "closed_through_proxy",
    text:
      `The connection through ${proxyName(connection.proxy)} ended ${when}: the proxy or the server closed it. ` +
      proxyRemedy(connection.proxy),
  };
}

function checkName({ codes, connection }: Unreachable): Advice | undefined {
  if (codes.includes("ENOTFOUND")) {
    const vpn = "Check its spelling. If only an internal network knows it, connect to that network.";
    return { id: "dns_unknown_name", text: `DNS does not know the host. ${vpn}${proxyHint(connection)}` };
  }
  if (!codes.includes("EAI_AGAIN")) return undefined;
  const text =
    "The DNS server did not answer. This is usually temporary; otherwise check the DNS and the network of this machine " +
    `or container.${proxyHint(connection)}`;
  return { id: "dns_no_answer", text };
}

function checkRefused({ codes, connection }: Unreachable): Advice | undefined {
  if (!codes.includes("ECONNREFUSED")) return undefined;
  if (connection !== undefined && isLoopbackHost(connection.url.hostname)) {
    const text =
      "Nothing listens on that port of this machine. Start the server, or correct the port. In a container, this machine " +
      "is the container itself.";
    return { id: "refused_on_loopback", text };
  }
  return {
    id: "refused",
    text: "Nothing accepts connections there. Check the host and port, and that the server runs.",
  };
}

function checkRoute({ codes, addresses, connection }: Unreachable): Advice | undefined {
  if (!codes.some((code) => ["EHOSTUNREACH", "ENETUNREACH", "EADDRNOTAVAIL"].includes(code)))
    return undefined;
  const isOnlyIpv6 = addresses.length > 0 && addresses.every((address) => address.includes(":"));
  if (isOnlyIpv6) {
    const text =
      "All addresses that were tried are IPv6, and this machine has no IPv6 route to them. Give it IPv6, or the host an " +
      `IPv4 address.${proxyHint(connection)}`;
    return { id: "no_ipv6_route", text };
  }
  const text = `This machine has no route to it. Connect to the network or VPN that it is in.${proxyHint(connection)}`;
  return { id: "no_route", text };
}

function checkSilence({ codes, connection }: Unreachable): Advice | undefined {
  return codes.some((code) => ["ETIMEDOUT", "UND_ERR_CONNECT_TIMEOUT"].includes(code))
    ? noConnectionAdvice(connection)
    : undefined;
}

/** Returns why there is no connection after some time, and no error either. */
export function noConnectionAdvice(connection: Connection | undefined): Advice {
  if (connection?.proxy !== undefined) {
    const { proxy } = connection;
    return { id: "no_tunnel_in_time", text: `It goes through ${proxyName(proxy)}. ${proxyRemedy(proxy)}` };
  }
  const text =
    "A firewall may drop the packets, or the host may be down: check the host, the port and the network.";
  return { id: "no_connection_in_time", text: `${text}${proxyHint(connection)}` };
}

/** The server, or something in between, closed the connection without an answer. */
function checkClosed({ codes, connection, isConnectError }: Unreachable): Advice | undefined {
  if (!codes.some((code) => ["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"].includes(code))) return undefined;
  if (connection?.url.protocol === "http:") {
    const text =
      "It closed the connection without an answer. If that port expects TLS, write the URL with https; otherwise see the " +
      "log of the server.";
    return { id: "closed_plain_http", text };
  }
  return isConnectError
    ? {
        id: "closed_in_handshake",
        text:
          "It closed the connection before TLS was set up. A firewall may not allow it, or the port may not expect " +
          "TLS: check the port of the URL.",
      }
    : {
        id: "closed_without_answer",
        text: "It closed the connection before it answered. If this does not stop, see the log of the server or of a proxy in front of it.",
      };
}

/** Returns a sentence about proxies, for a machine that may need one, if it uses none. */
function proxyHint(connection: Connection | undefined): string {
  if (connection === undefined || connection.proxy !== undefined) return "";
  const { url } = connection;
  const unusedProxy = connection.unusedProxy?.();
  const wanted = url.protocol === "https:" ? "HTTPS_PROXY" : "HTTP_PROXY";
  if (unusedProxy !== undefined)
    return ` ${unusedProxy} is set but not used for this URL: set ${wanted}, or "proxy" under "network" in the config.`;
  return isLoopbackHost(url.hostname)
    ? ""
    : ` If this machine needs a proxy, set ${wanted}, or "proxy" under "network" in the config.`;
}

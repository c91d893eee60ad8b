import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import type { SecureContext, SecureVersion } from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { capitalized } from "../lib/printable.js";
import { networkFailure } from "./network-failure.js";
import type { HttpProxy } from "./proxy.js";
import { isTemporaryStatus } from "./retry.js";

/** How long a proxy may take to answer, in milliseconds. undici has the same limit for a connection. */
const proxyTimeout = 10_000;

export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** Host and port of the server. */
  readonly target: string;
  /** For a connection to the proxy itself over TLS. */
  readonly secureContext: SecureContext | undefined;
  readonly minVersion: SecureVersion;
}

/**
 * Opens a connection to `target` through an HTTP proxy with `CONNECT` (RFC 9110 §9.3.6). For TLS traffic, the proxy
 * sees only host and port. Rejects with `unavailable`, or with `tls_failed` if the certificate of the proxy is not
 * trusted. Messages show only the host of the proxy's URL.
 */
export function openTunnel({ proxy, target, secureContext, minVersion }: TunnelOptions): Promise<Socket> {
  const { hostname, port, host, protocol } = new URL(proxy.origin);
  const secure = protocol === "https:";
  const name = hostname.replace(/^\[|\]$/g, "");
  const options: RequestOptions = {
    method: "CONNECT",
    host: name,
    port: port === "" ? (secure ? 443 : 80) : port,
    path: target,
    headers: {
      host: target,
      connection: "keep-alive",
      ...(proxy.authorization !== undefined && { "proxy-authorization": proxy.authorization }),
    },
    // Not pooled, because the connection becomes the tunnel.
    agent: false,
    timeout: proxyTimeout,
  };
  const request = secure
    ? httpsRequest({
        ...options,
        minVersion,
        // Otherwise, Node would take the name from the `host` header, which is that of the server behind the proxy.
        servername: isIP(name) === 0 ? name : "",
        rejectUnauthorized: true,
        ...(secureContext && { secureContext }),
      })
    : httpRequest(options);
  return new Promise((resolve, reject) => {
    request.on("connect", ({ statusCode = 0 }, socket: Socket, head) => {
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy();
        reject(refused(host, statusCode));
        return;
      }
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    // A server that does not support CONNECT sends a normal response.
    request.on("response", (response) => {
      response.destroy();
      reject(refused(host, response.statusCode ?? 0));
    });
    request.on("timeout", () => {
      request.destroy();
      reject(unavailable(`The proxy ${host} did not answer within ${proxyTimeout} ms. ${remedy}`, true));
    });
    request.on("error", (error) => {
      const { code, detail, retryable } = networkFailure(error, `the proxy ${host}`);
      reject(new McpAuthError(code, capitalized(detail), { retryable }));
    });
    request.end();
  });
}

const remedy =
  'Check "network.proxy" in the config, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment.';

function refused(host: string, status: number): McpAuthError {
  if (status === 407) {
    const howTo = "Add them to the URL of the proxy: http://user:password@host:port.";
    return unavailable(`The proxy ${host} requires a user name and password (407). ${howTo}`, false);
  }
  // Any other status is a decision of the proxy, which another attempt does not change.
  const retryable = isTemporaryStatus(status);
  return unavailable(`The proxy ${host} refused to connect to the server (${status}). ${remedy}`, retryable);
}

function unavailable(message: string, retryable: boolean): McpAuthError {
  return new McpAuthError("unavailable", message, { retryable });
}

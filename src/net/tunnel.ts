import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import type { SecureContext, SecureVersion } from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { networkFailure } from "./network-failure.js";
import type { HttpProxy } from "./proxy.js";
import { isTemporaryStatus } from "./retry.js";

/** How long a proxy may take, in milliseconds; as long as undici allows for a connection. */
const patience = 10_000;

export interface TunnelOptions {
  readonly proxy: HttpProxy;
  /** Host and port at the other end. */
  readonly target: string;
  /** For a proxy that is itself reached over TLS. */
  readonly secureContext: SecureContext | undefined;
  readonly minVersion: SecureVersion;
}

/**
 * A connection to `target` through an HTTP proxy: `CONNECT`, RFC 9110 §9.3.6. The proxy sees no more than host and port
 * of what goes through it over TLS. Rejects with `unavailable`, or with `tls_failed` when the proxy itself is not to be
 * trusted; messages name the host of the proxy and nothing else of its URL.
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
    // No pool: the connection becomes the tunnel.
    agent: false,
    timeout: patience,
  };
  const request = secure
    ? httpsRequest({
        ...options,
        minVersion,
        // Node would take it from the header `host`, and accept the certificate of the server at the other end of the tunnel.
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
    // Only a server that does not know the method answers in any other way than "connect".
    request.on("response", (response) => {
      response.destroy();
      reject(refused(host, response.statusCode ?? 0));
    });
    request.on("timeout", () => {
      request.destroy();
      reject(unavailable(`The proxy ${host} did not answer within ${patience} ms. ${look}`, true));
    });
    request.on("error", (error) => {
      const { code, detail, retryable } = networkFailure(error, `the proxy ${host}`);
      reject(new McpAuthError(code, detail.charAt(0).toUpperCase() + detail.slice(1), { retryable }));
    });
    request.end();
  });
}

const look =
  'Check "network.proxy" in the config, or HTTPS_PROXY, HTTP_PROXY and NO_PROXY in the environment.';

function refused(host: string, status: number): McpAuthError {
  if (status === 407) {
    const remedy = "Put the ones that it takes into the proxy's URL: http://user:password@host:port.";
    return unavailable(`The proxy ${host} wants a user name and password (407). ${remedy}`, false);
  }
  // These say that the proxy, or what is behind it, is down; any other is a decision.
  const retryable = isTemporaryStatus(status);
  return unavailable(`The proxy ${host} refused to connect to the server (${status}). ${look}`, retryable);
}

function unavailable(message: string, retryable: boolean): McpAuthError {
  return new McpAuthError("unavailable", message, { retryable });
}

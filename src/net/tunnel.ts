import { request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import type { SecureContext, SecureVersion } from "node:tls";
import { McpAuthError } from "../errors/error.js";
import { noteFindings } from "../errors/findings.js";
import { capitalized } from "../lib/printable.js";
import type { NamedProxy } from "./connection.js";
import { networkFailure } from "./network-failure.js";
import type { HttpProxy } from "./proxy.js";
import { proxyName, proxyRemedy } from "./proxy-advice.js";
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
  const named = { host, source: proxy.source };
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
        reject(refused(named, proxy, statusCode));
        return;
      }
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    // A server that does not support CONNECT sends a normal response.
    request.on("response", (response) => {
      response.destroy();
      reject(refused(named, proxy, response.statusCode ?? 0));
    });
    request.on("timeout", () => {
      request.destroy();
      const what = `${capitalized(proxyName(named))} did not answer within ${proxyTimeout} ms.`;
      reject(unavailable(`${what} ${proxyRemedy(named)}`, { id: "proxy_timeout", retryable: true }));
    });
    request.on("error", (error) => {
      const name = proxyName(named);
      const { code, detail, brief, retryable } = networkFailure(error, name);
      const isTls = code === "tls_failed";
      const message = capitalized(isTls ? detail : `${name} ${brief}. ${proxyRemedy(named)}`);
      const id = isTls ? "proxy_not_trusted" : "proxy_unreachable";
      reject(noteFindings(new McpAuthError(code, message, { retryable }), [id]));
    });
    request.end();
  });
}

/** Returns the error for a proxy that does not open the tunnel. */
function refused(named: NamedProxy, { authorization }: HttpProxy, status: number): McpAuthError {
  const proxy = capitalized(proxyName(named));
  if (status === 407) {
    const url = "http://user:password@host:port";
    return authorization === undefined
      ? unavailable(
          `${proxy} requires a user name and password (407). Add them to the URL of the proxy: ${url}.`,
          { id: "proxy_credentials_missing", retryable: false },
        )
      : unavailable(
          `${proxy} does not accept the user name and password in its URL (407). Correct them: ${url}, ` +
            "with percent-encoding.",
          { id: "proxy_credentials_refused", retryable: false },
        );
  }
  const what = `${proxy} refused to connect to the server (${status}).`;
  // Any other status is a decision of the proxy, which another attempt does not change.
  const retryable = isTemporaryStatus(status);
  const cause = retryable ? "" : " It may not be allowed there.";
  return unavailable(`${what}${cause} ${proxyRemedy(named)}`, { id: "proxy_refuses_server", retryable });
}

function unavailable(
  message: string,
  { id, retryable }: { readonly id: string; readonly retryable: boolean },
): McpAuthError {
  return noteFindings(new McpAuthError("unavailable", message, { retryable }), [id]);
}

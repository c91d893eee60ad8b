import { request as sendHttp } from "node:http";
import { request as sendHttps } from "node:https";
import { text } from "node:stream/consumers";
import type { ArrivedRequest } from "./expected-request.js";

export interface ClientTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Sends a request with exactly these headers and this body, and returns the status. */
export async function sendRaw(
  origin: string,
  { method, url, rawHeaders, body }: ArrivedRequest,
  tls: ClientTls | undefined,
): Promise<number> {
  const { hostname, port, host } = new URL(origin);
  const length = ["content-length", String(Buffer.byteLength(body))];
  const headers = ["host", host, ...(body === "" ? [] : length), ...rawHeaders];
  const options = { hostname, port, method, path: url, headers, agent: false };
  return await new Promise((resolve, reject) => {
    const request =
      tls === undefined ? sendHttp(options) : sendHttps({ ...options, ...tls, rejectUnauthorized: true });
    request.on("error", reject);
    request.on("response", (response) => {
      text(response).then(() => resolve(response.statusCode ?? 0), reject);
    });
    request.end(body);
  });
}

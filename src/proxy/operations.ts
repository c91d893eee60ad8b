import type { IncomingMessage, ServerResponse } from "node:http";
import type { McpAuth, TokenManagerStatus } from "../index.js";
import { version } from "../lib/version.js";
import { isPageRequest } from "./access.js";
import type { Metrics } from "./metrics.js";
import { ownHeaders } from "./passed-headers.js";
import type { StatusPage } from "./status/status-page.js";

/** What the pages below `/-/` tell. */
export interface Operations {
  readonly statuses: () => readonly TokenManagerStatus[];
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly statusPage: StatusPage;
  /** Compares with the operating token. */
  readonly isOperatingToken: (candidate: string) => boolean;
  readonly startedAt: number;
}

/** Whether the proxy can serve requests now. */
export type Readiness = () => boolean;

/** What `/-/status` returns, and the command `status` prints. */
export interface ProxyStatus {
  readonly version: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly ready: boolean;
  readonly servers: readonly object[];
}

/** Answers a request below `/-/`, if it has the operating token. The status page has no data, and needs none. */
export async function answerOperation(
  operations: Operations,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { isOperatingToken, readiness, metrics, statuses, startedAt, statusPage } = operations;
  const { method, headers } = request;
  if (isPageRequest(request)) {
    await statusPage.answer(response);
    return;
  }
  const [, token = ""] = /^bearer +(\S+)$/i.exec(headers.authorization ?? "") ?? [];
  if (!isOperatingToken(token)) {
    writeText(response, 403, "This needs the operating token of the proxy: Authorization: Bearer TOKEN.");
    return;
  }
  if (method !== "GET" && method !== "HEAD") {
    writeText(response, 405, "Only GET is allowed here.");
    return;
  }
  switch (path.replace(/\?.*/s, "")) {
    case "/-/live":
    case "/-/ready":
      answerProbe(readiness, path, response);
      return;
    case "/-/metrics":
      writeText(response, 200, metrics.text(statuses()), "text/plain; version=0.0.4; charset=utf-8");
      return;
    case "/-/status": {
      const status: ProxyStatus = {
        ...{ version, pid: process.pid, startedAt, ready: readiness() },
        servers: statuses(),
      };
      writeText(response, 200, JSON.stringify(status), "application/json");
      return;
    }
    case "/-/status/events":
      if (!(await statusPage.answerEvents(request, response)))
        writeText(response, 503, "Too many status pages are open, or the proxy is stopping.");
      return;
    default:
      writeText(response, 404, "There are /-/live, /-/ready, /-/metrics and /-/status.");
  }
}

/** Answers `/-/live` and `/-/ready`, without names and without a token. Anything else is 404. */
export function answerProbe(isReady: Readiness, url: string, response: ServerResponse): void {
  const path = url.replace(/\?.*/s, "");
  if (path === "/-/live") writeText(response, 200, "live\n");
  else if (path !== "/-/ready") writeText(response, 404, "There are /-/live and /-/ready.\n");
  else if (isReady()) writeText(response, 200, "ready\n");
  else writeText(response, 503, "not ready\n");
}

/** Answers with a text of ours. The connection is closed after a refusal, with whatever is left of the request. */
export function writeText(
  response: ServerResponse,
  status: number,
  text: string,
  type = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, {
    ...ownHeaders(type),
    "content-length": String(Buffer.byteLength(text)),
    ...(status >= 400 && status < 500 && { connection: "close" }),
  });
  response.end(text);
}

/** Returns the status of the servers that a proxy serves. */
export function statusesOf(
  auth: McpAuth,
  isServed: (name: string) => boolean,
): readonly TokenManagerStatus[] {
  return auth.status().filter(({ server }) => isServed(server));
}

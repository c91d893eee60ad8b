import { type RequestOptions, request } from "node:http";
import { McpAuthError } from "../errors/error.js";
import { systemErrorCode } from "../errors/expected-errors.js";
import { isJsonObject, parseJsonObject } from "../lib/json-object.js";
import { type ListenAddress, withoutBrackets } from "../lib/listen-address.js";
import { isOurListener } from "./peer-user.js";
import type { RunningProxy } from "./state.js";

/** Milliseconds and bytes. A config may have ten thousand servers. */
const timeout = 5_000;
const maxBytes = 16 * 1_048_576;

/** A server in the answer. Only what the command shows. */
export interface ServerStatus {
  readonly server: string;
  readonly state: string;
  readonly expiresAt?: number;
  readonly nextRefreshAt?: number;
  readonly rejectedAt?: number;
  readonly lastError?: { readonly code: string; readonly message: string };
}

export interface ReportedStatus {
  readonly ready: boolean;
  readonly startedAt: number;
  readonly servers: readonly ServerStatus[];
}

/** Asks a running proxy for its status. Rejects with `unavailable` if it does not answer as one. */
export async function askStatus(
  proxy: RunningProxy,
  token: string,
  signal: AbortSignal,
): Promise<ReportedStatus> {
  // Another user must not get the token by listening on the port of a proxy that has died.
  if (proxy.origin !== undefined) await assertOurListener(proxy.origin);
  const place = proxy.origin === undefined ? { socketPath: proxy.socket } : addressOf(proxy.origin);
  const headers = { authorization: `Bearer ${token}` };
  const text = await get({ ...place, path: "/-/status", headers, timeout, signal });
  const status = parseJsonObject(text);
  if (!isStatus(status)) throw noAnswer("another program answers there");
  return status;
}

/** Rejects with `unavailable` if a program of another user listens at the address of a proxy. */
export async function assertOurListener(origin: string): Promise<void> {
  if (!(await isOurListener(addressOf(origin)))) throw noAnswer("no program of yours listens there");
}

/** Another program may have got the port. */
function isStatus(value: unknown): value is ReportedStatus {
  if (!isJsonObject(value)) return false;
  const { ready, startedAt, servers } = value;
  return (
    typeof ready === "boolean" && isTime(startedAt) && Array.isArray(servers) && servers.every(isServerStatus)
  );
}

function isServerStatus(value: unknown): value is ServerStatus {
  if (!isJsonObject(value)) return false;
  const { server, state, expiresAt, nextRefreshAt, rejectedAt, lastError } = value;
  const hasTexts = typeof server === "string" && typeof state === "string";
  const hasTimes = [expiresAt, nextRefreshAt, rejectedAt].every((time) => time === undefined || isTime(time));
  if (lastError === undefined) return hasTexts && hasTimes;
  if (!isJsonObject(lastError)) return false;
  const isError = typeof lastError["code"] === "string" && typeof lastError["message"] === "string";
  return hasTexts && hasTimes && isError;
}

/** Whether a number is a time that `Date` can represent. */
function isTime(value: unknown): value is number {
  return typeof value === "number" && Math.abs(value) <= 8.64e15;
}

function addressOf(origin: string): ListenAddress {
  const { hostname, port } = new URL(origin);
  return { host: withoutBrackets(hostname), port: Number(port || 80) };
}

function get(options: RequestOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const asking = request({ ...options, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on("data", (chunk: Buffer) => {
        size += chunk.length;
        if (size <= maxBytes) chunks.push(chunk);
        else response.destroy();
      });
      response.on("close", () => {
        if (response.complete && response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
        else reject(noAnswer(`it answered with status ${response.statusCode}`));
      });
    });
    asking.on("timeout", () => asking.destroy(noAnswer("it took too long")));
    asking.on("error", (error) => {
      reject(error instanceof McpAuthError ? error : noAnswer(systemErrorCode(error) ?? error.name));
    });
    asking.end();
  });
}

function noAnswer(reason: string): McpAuthError {
  return new McpAuthError("unavailable", `The proxy does not tell its status (${reason}). Restart it.`, {
    retryable: true,
  });
}

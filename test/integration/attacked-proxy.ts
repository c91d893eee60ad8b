// Helpers of the tests that attack the proxy: a running proxy, servers that record or misbehave, and raw connections.
import { connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { type McpProxy, type ProxyOptions, startProxy } from "../../src/proxy.js";
import { type Handler, type HttpServer, sendJson } from "../support/http-server.js";
import { createTestRuntime, startScriptedServer } from "./harness.js";

/** What the proxy must send only to the server of the config. */
export const serverToken = "token-of-the-server-0123456789";
export const secretHeader = "secret-header-of-the-config-9876";

export interface AttackedProxy {
  /** Such as "http://127.0.0.1:1234". */
  readonly origin: string;
  /** Such as "127.0.0.1:1234". */
  readonly authority: string;
  readonly localToken: string;
  readonly proxy: McpProxy<"crm">;
  /** Sends bytes on a new connection, and resolves with everything that was received until it was closed. */
  send(bytes: string | Buffer): Promise<string>;
}

/**
 * Starts a proxy for one server, whose URL this is. It stops when the test ends. It does not look up the user of each
 * connection, which takes long after thousands of connections, and which `test/second-user/proxy.test.ts` tests.
 */
export async function startAttackedProxy(
  url: string,
  options: ProxyOptions<"crm"> = {},
): Promise<AttackedProxy> {
  const grant = { type: "static", token: { env: "TOKEN" } } as const;
  const auth = await createTestRuntime<"crm">({
    config: { servers: { crm: { url, grant, headers: { "X-Key": { env: "KEY" } } } } },
    env: { TOKEN: serverToken, KEY: secretHeader },
  });
  const proxy = await startProxy(auth, { anyUser: true, ...options });
  onTestFinished(() => proxy.stop());
  const { origin, host, pathname, port } = new URL(proxy.url("crm"));
  const [, localToken = ""] = pathname.split("/");
  return { origin, authority: host, localToken, proxy, send: (bytes) => exchange(Number(port), bytes) };
}

/** Starts a server that records what it receives, and a proxy for it. */
export async function startRecordedProxy(
  handler: Handler = (_request, response) => sendJson(response, { jsonrpc: "2.0", id: 1, result: {} }),
): Promise<AttackedProxy & { readonly upstream: HttpServer }> {
  const upstream = await startScriptedServer(handler);
  return { upstream, ...(await startAttackedProxy(`${upstream.origin}/mcp`)) };
}

/**
 * Sends bytes to a port, and resolves with everything that was received until the connection was closed.
 *
 * @param end our side is closed once this resolves
 */
export function exchange(
  port: number,
  bytes: string | Buffer,
  { end }: { readonly end?: Promise<unknown> } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // A reset is an answer, too.
    socket.on("error", () => {});
    socket.on("close", () => resolve(Buffer.concat(chunks).toString("latin1")));
    socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    end?.then(
      () => socket.end(),
      () => socket.destroy(),
    );
  });
}

export interface RawServer {
  readonly url: string;
  /** The bytes that each connection has sent so far. */
  readonly received: readonly string[];
}

/** Starts a server that answers the head of each request with these bytes, and then closes the connection. */
export async function startRawServer(
  answer: (request: string, socket: Socket) => string | Buffer | undefined,
): Promise<RawServer> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk: Buffer) => {
      const hadHead = text.includes("\r\n\r\n");
      text += chunk.toString("latin1");
      if (hadHead || !text.includes("\r\n\r\n")) return;
      received.push(text);
      const bytes = answer(text, socket);
      if (bytes !== undefined) socket.end(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("The server has no address.");
  return { url: `http://127.0.0.1:${address.port}/mcp`, received };
}

/** A request to the server through the proxy. The connection is closed after the response. */
export function rawRequest(
  { authority, localToken }: Pick<AttackedProxy, "authority" | "localToken">,
  {
    method = "POST",
    target = `/${localToken}/crm`,
    headers = [],
    host = `Host: ${authority}`,
    body = method === "POST" ? '{"jsonrpc":"2.0","id":1,"method":"ping"}' : "",
    version = "HTTP/1.1",
  }: {
    readonly method?: string;
    readonly target?: string;
    readonly headers?: readonly string[];
    readonly host?: string | undefined;
    readonly body?: string;
    readonly version?: string;
  } = {},
): string {
  const lines = [
    `${method} ${target} ${version}`,
    ...(host === "" ? [] : [host]),
    "Connection: close",
    ...(body === "" ? [] : [`Content-Length: ${Buffer.byteLength(body, "latin1")}`]),
    ...headers,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Returns the status of the first response, 0 without one. */
export function statusOf(response: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 0);
}

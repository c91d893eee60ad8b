// A proxy in front of servers of a test, and plain HTTP requests to it.
import { type Agent, type ClientRequest, type IncomingMessage, request as openRequest } from "node:http";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { McpAuth, McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import { createProxy } from "../../src/proxy/create-proxy.js";
import type { ProxyOptions } from "../../src/proxy/options.js";
import { ProxyState } from "../../src/proxy/state.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { createTestRuntime } from "./harness.js";

/** The token of the servers of `tokenConfig`. */
export const serverToken = "t0ken-of-the-server";

/** Returns a config with one server whose token does not change, so that no authorization server is needed. */
export function tokenConfig(url: string): Pick<Proxied, "env"> & { config: McpAuthConfig<"tools"> } {
  const grant = { type: "static", token: { env: "TOKEN" } } as const;
  return { config: { servers: { tools: { url, grant } } }, env: { TOKEN: serverToken } };
}

export interface Proxied {
  readonly auth: McpAuth<string>;
  readonly env: Readonly<Record<string, string>>;
  /** The address of the server `tools`, with the local token. */
  readonly url: string;
  readonly urlOf: (name: string) => string;
  readonly mcpServers: (names?: readonly string[]) => Record<string, { readonly url: string }>;
  readonly origin: string;
  readonly localToken: string;
  /** The path of the unix socket, if it listens there. */
  readonly socket: string | undefined;
  /** Returns the text of `/-/metrics`. */
  metrics(): Promise<string>;
  /** Returns how many requests are open. */
  open(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a proxy, as the command does, on any free port. Stops it when the test ends. */
export async function startProxied(
  given: McpAuthOptions<string> & Pick<Proxied, "env">,
  options: ProxyOptions = {},
): Promise<Proxied> {
  const state = await temporaryFolder();
  const env = { ...given.env, XDG_STATE_HOME: state };
  const auth = await createTestRuntime<string>({ cwd: state, ...given, env });
  const proxy = await createProxy(auth, { listen: "127.0.0.1:0", isCommand: true, ...options });
  onTestFinished(() => proxy.stop());
  // A config that is an object has no file.
  const file = typeof given.config === "string" ? given.config : process.cwd();
  const operating = await new ProxyState(file, env).findToken("operating");
  const { origin = "", url: urlOf, mcpServers, socket, stop } = proxy;
  const url = urlOf("tools");
  const metrics = async (): Promise<string> => {
    const headers = { authorization: `Bearer ${operating}` };
    return (await ask(`${origin}/-/metrics`, { headers })).text;
  };
  return {
    ...{ auth, env, url, urlOf, mcpServers, origin, socket, metrics, stop },
    localToken: new URL(url).pathname.split("/")[1] ?? "",
    async open() {
      const found = [...(await metrics()).matchAll(/^mcp_auth_proxy_open_requests\{.*\} (\d+)$/gm)];
      return found.reduce((sum, [, count]) => sum + Number(count), 0);
    },
  };
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** `false`: a connection of its own. */
  readonly agent?: Agent | false;
  readonly socketPath?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly bytes: Buffer;
  readonly text: string;
}

/** Opens a request, whose body the test writes itself. */
export function open(
  url: string,
  { method = "GET", headers = {}, agent = false, socketPath }: Ask = {},
): { readonly request: ClientRequest; readonly response: Promise<IncomingMessage> } {
  const request = openRequest(url, { method, headers, agent, ...(socketPath && { socketPath }) });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    request.once("response", resolve).on("error", reject);
  });
  // A test may never look at it.
  response.catch(() => {});
  onTestFinished(() => void request.destroy());
  return { request, response };
}

/** Sends a request, and reads the response to its end. Rejects if it does not end normally. */
export async function ask(url: string, options: Ask = {}): Promise<Answer> {
  const { request, response } = open(url, options);
  request.end(options.body);
  return await read(await response);
}

/** Reads a response to its end. Rejects if it does not end normally. */
export async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() };
}

/** Sends a JSON-RPC message. */
export function post(url: string, message: object, options: Ask = {}): Promise<Answer> {
  const headers = { "content-type": "application/json", ...options.headers };
  return ask(url, { method: "POST", ...options, headers, body: JSON.stringify(message) });
}

export const call = { jsonrpc: "2.0", id: "call-1", method: "tools/call", params: { name: "x" } } as const;

export interface RawServer {
  readonly url: string;
  /** All connections so far. */
  readonly sockets: readonly Socket[];
}

/** Starts a server that answers with bytes of its own choice. */
export async function startRawServer(onConnection: (socket: Socket) => void): Promise<RawServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  // A server on TCP has an address of this form.
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/mcp`, sockets };
}

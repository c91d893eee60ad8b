// MCP servers with sessions, made with both SDKs, without authorization.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node";
import { McpServer as McpServerV1 } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport as TransportInterfaceV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { McpServer } from "@modelcontextprotocol/server";
import { listen } from "./listen.js";

export interface SessionServerOptions {
  readonly sdk: "v1" | "v2";
  /** Registers the tools of a session. Both SDKs have the same methods, apart from the types of schemas. */
  readonly tools: (server: McpServerV1) => void;
  /** Keeps events, so that streams can be resumed. */
  readonly resumable?: boolean;
  /** Answers with JSON instead of a stream. */
  readonly json?: boolean;
  /** Answer to a session that is unknown. Default: 404, as the specification says. The examples of the SDK answer 400. */
  readonly unknownSession?: { readonly status: number; readonly body: string };
  /** Called before a request is handled. Returns whether it was answered. */
  readonly intercept?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface SessionRequest {
  readonly method: string;
  readonly headers: IncomingMessage["headers"];
  /** The method of the JSON-RPC message. */
  readonly rpc: string | undefined;
  readonly response: ServerResponse;
}

interface SessionTransport {
  readonly sessionId?: string | undefined;
  handleRequest(request: IncomingMessage, response: ServerResponse, body?: unknown): Promise<void>;
  close(): Promise<void>;
}

export interface RunningSessionServer {
  readonly url: string;
  /** All requests, in the order in which they arrived. */
  readonly requests: readonly SessionRequest[];
  readonly sessions: ReadonlyMap<string, SessionTransport>;
  /** Number of open connections. */
  readonly connections: number;
  /** Forgets all sessions, as a restart would. */
  forgetSessions(): void;
  close(): Promise<void>;
}

export async function startSessionServer(options: SessionServerOptions): Promise<RunningSessionServer> {
  const requests: SessionRequest[] = [];
  const sessions = new Map<string, SessionTransport>();
  const notFound = { jsonrpc: "2.0", error: { code: -32_001, message: "Session not found" }, id: null };
  const { unknownSession = { status: 404, body: JSON.stringify(notFound) } } = options;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
    const rpc = body?.method;
    requests.push({ method: request.method ?? "", headers: request.headers, rpc, response });
    if (options.intercept?.(request, response)) return;
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    if (known === undefined && rpc !== "initialize") {
      response.writeHead(unknownSession.status, { "content-type": "application/json" });
      response.end(unknownSession.body);
      return;
    }
    const transport = known ?? (await connect(options, sessions));
    await transport.handleRequest(request, response, body);
  }

  const listening = await listen(() => (request, response) => {
    // A connection that breaks off in the middle of a request.
    answer(request, response).catch(() => response.destroy());
  });
  return {
    url: `${listening.origin}/mcp`,
    requests,
    sessions,
    get connections() {
      return listening.connections;
    },
    forgetSessions: () => sessions.clear(),
    async close() {
      await listening.close();
      for (const transport of sessions.values()) await transport.close();
    },
  };
}

async function connect(
  { sdk, tools, resumable, json }: SessionServerOptions,
  sessions: Map<string, SessionTransport>,
): Promise<SessionTransport> {
  const settings = {
    sessionIdGenerator: () => randomUUID(),
    onsessioninitialized: (id: string) => void sessions.set(id, transport),
    onsessionclosed: (id: string | undefined) => void sessions.delete(id ?? ""),
    enableJsonResponse: json === true,
    ...(resumable && { eventStore: new EventMemory(), retryInterval: 10 }),
  };
  const info = { name: "sessions", version: "1.0.0" };
  const capabilities = { capabilities: { logging: {} } };
  let transport: SessionTransport;
  if (sdk === "v1") {
    const created = new StreamableHTTPServerTransport(settings);
    transport = created;
    const server = new McpServerV1(info, capabilities);
    tools(server);
    // The SDK's class does not match its own Transport type under exactOptionalPropertyTypes.
    await server.connect(created as unknown as TransportInterfaceV1);
  } else {
    const created = new NodeStreamableHTTPServerTransport(settings);
    transport = created;
    const server = new McpServer(info, capabilities);
    // The methods that the tests use are the same in both versions.
    tools(server as unknown as McpServerV1);
    await server.connect(created);
  }
  return transport;
}

/** Keeps the events of all streams of a session. */
class EventMemory {
  readonly #events: { readonly id: string; readonly stream: string; readonly message: unknown }[] = [];

  async storeEvent(stream: string, message: unknown): Promise<string> {
    const id = `${stream}_${this.#events.length}`;
    this.#events.push({ id, stream, message });
    return id;
  }

  async getStreamIdForEventId(id: string): Promise<string | undefined> {
    return this.#events.find((event) => event.id === id)?.stream;
  }

  async replayEventsAfter(
    lastId: string,
    // Both SDKs have a type of their own for messages.
    { send }: { send: (id: string, message: never) => Promise<void> },
  ): Promise<string> {
    const index = this.#events.findIndex(({ id }) => id === lastId);
    const stream = this.#events[index]?.stream ?? "";
    for (const event of this.#events.slice(index + 1)) {
      const isMessage = Object.keys(event.message ?? {}).length > 0;
      if (event.stream === stream && isMessage) await send(event.id, event.message as never);
    }
    return stream;
  }
}

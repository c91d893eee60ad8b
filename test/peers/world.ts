// The environment of the tests in `test/peers`: two scripted servers on loopback, a fake clock, and the token manager
// under test, which is the one of this package or the naive one.
import type { ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../src/index.js";
import { type HttpServer, type RecordedRequest, sendJson, startHttpServer } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { NaiveManager, type NaiveServer } from "./naive-manager.js";

/** The interface that both managers have. */
export interface Subject {
  getAccessToken(options?: {
    readonly signal?: AbortSignal;
    readonly forceRefresh?: boolean;
    readonly scopes?: readonly string[];
  }): Promise<string>;
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

type Answer = (request: RecordedRequest, response: ServerResponse) => unknown;

export interface World {
  readonly auth: HttpServer;
  readonly mcp: HttpServer;
  readonly url: string;
  readonly env: Record<string, string | undefined>;
  /** The lines of the log, of all levels. */
  readonly log: string[];
  /** Answers token requests; by default with a token that lives `lifetime` seconds. */
  token: Answer;
  /** Answers requests to the MCP server; by default with 200. */
  call: Answer;
  lifetime: number;
  /** Members that replace those of the issuer's metadata. */
  metadata: Readonly<Record<string, unknown>>;
  resource: Readonly<Record<string, unknown>>;
  readonly tokenRequests: readonly RecordedRequest[];
  readonly calls: readonly RecordedRequest[];
  readonly now: () => number;
  /** Moves the clock forward, and waits until everything that this triggers has finished. */
  pass(milliseconds: number): Promise<void>;
  /** Moves the clock forward without waiting for pending responses. */
  tick(milliseconds: number): Promise<void>;
  issue(response: ServerResponse, lifetime?: number): void;
  /** Starts the manager, with these members added to its server and its client. */
  start(members?: object, client?: object): Promise<Subject>;
}

export const secret = "a secret+with/odd characters: 100%";

export async function world(): Promise<World> {
  const live = liveClock();
  let issued = 0;
  const auth = await startHttpServer((request, response) => {
    if (request.url === "/token") return void built.token(request, response);
    if (request.url !== "/.well-known/oauth-authorization-server") return void response.writeHead(404).end();
    const issuer = auth.origin;
    sendJson(response, { issuer, token_endpoint: `${issuer}/token`, ...built.metadata });
  });
  const mcp = await startHttpServer((request, response) => {
    if (!request.url.startsWith("/.well-known/")) return void built.call(request, response);
    sendJson(response, { resource: built.url, authorization_servers: [auth.origin], ...built.resource });
  });
  onTestFinished(async () => {
    await Promise.all([auth.close(), mcp.close()]);
  });
  const built: World = {
    auth,
    mcp,
    url: `${mcp.origin}/mcp`,
    env: { SECRET: secret },
    log: [],
    token: (_request, response) => built.issue(response),
    call: (_request, response) => sendJson(response, {}),
    lifetime: 3_600,
    metadata: {},
    resource: {},
    get tokenRequests() {
      return auth.requests.filter(({ url }) => url === "/token");
    },
    get calls() {
      return mcp.requests.filter(({ url }) => !url.startsWith("/.well-known/"));
    },
    now: () => live.clock.now(),
    pass: (milliseconds) => live.advance(milliseconds),
    tick: (milliseconds) => live.clock.advance(milliseconds),
    issue(response, lifetime = built.lifetime) {
      issued += 1;
      sendJson(response, { access_token: `token-${issued}`, token_type: "Bearer", expires_in: lifetime });
    },
    async start(members = {}, client = {}) {
      const defaultClient = { issuer: auth.origin, id: "agent", secret: { env: "SECRET" } };
      const isOther = "key" in client || "method" in client;
      const { secret: _secret, ...bare } = defaultClient;
      const server = {
        url: built.url,
        grant: { client: { ...(isOther ? bare : defaultClient), ...client } },
        ...members,
      };
      return await subject(server, built, live);
    },
  };
  return built;
}

async function subject(
  server: object,
  { env, log }: World,
  live: ReturnType<typeof liveClock>,
): Promise<Subject> {
  if (process.env["MCP_AUTH_PEERS_SUBJECT"] === "naive") {
    // The naive manager supports only a part of the config.
    return new NaiveManager(server as NaiveServer, {
      env,
      fetch: live.fetch,
      debug: (message) => void log.push(message),
    });
  }
  const write = (fields: object, message: string) => void log.push(`${message} ${JSON.stringify(fields)}`);
  const auth = await createMcpAuth<string>({
    // The tests build configs from plain objects.
    config: { servers: { tools: server } } as McpAuthConfig<string>,
    env,
    clock: live.clock,
    fetch: live.fetch,
    logger: { debug: write, info: write, warn: write, error: write },
  });
  onTestFinished(async () => {
    const stopped = auth.stop();
    // `stop()` waits up to five seconds for requests in flight, and only the test moves the clock.
    await live.clock.advance(5_000);
    await stopped;
  });
  return auth.resolve("tools");
}

/** Returns the outcome of a call: `done`, or `failed: ` with the code of the error. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  return await call.then(
    () => "done",
    (error: unknown) => `failed: ${error instanceof Error && "code" in error ? error.code : String(error)}`,
  );
}

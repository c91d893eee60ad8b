// Helpers of the integration tests: a pair of real servers, a runtime for them, and real MCP clients.
import type { ServerResponse } from "node:http";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport as TransportInterfaceV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { onTestFinished } from "vitest";
import { authProvider, oauthProvider } from "../../src/hosts/mcp-sdk.js";
import {
  createMcpAuth,
  type McpAuth,
  type McpAuthConfig,
  type McpAuthOptions,
  type TokenEvent,
  type TokenManager,
} from "../../src/index.js";
import {
  type AuthorizationServerOptions,
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import {
  type Handler,
  type HttpServer,
  type RecordedRequest,
  sendJson,
  startHttpServer,
} from "../support/http-server.js";
import { type McpServerOptions, type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";

export const agentSecret = "s3cr3t-of-the-agent";

export interface World {
  readonly issuer: RunningAuthorizationServer;
  readonly mcp: RunningMcpServer;
  /** Config with one server, `tools`, whose client secret is in `SECRET`. */
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
}

export interface WorldOptions extends Partial<AuthorizationServerOptions> {
  readonly mcp?: Partial<McpServerOptions>;
}

/** Starts an authorization server and an MCP server, and closes them when the test ends. */
export async function startWorld({ mcp: mcpOptions, ...options }: WorldOptions = {}): Promise<World> {
  const issuer = await startAuthorizationServer({
    clients: [{ id: "agent", secret: agentSecret }],
    ...options,
  });
  onTestFinished(() => issuer.close());
  const mcp = await startMcpServer({ issuer: issuer.issuer, ...mcpOptions });
  onTestFinished(() => mcp.close());
  const client = { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } };
  return {
    issuer,
    mcp,
    config: { servers: { tools: { url: mcp.url, grant: { client } } } },
    env: { SECRET: agentSecret },
  };
}

/** Starts a scripted HTTP server and closes it when the test ends. */
export async function startScriptedServer(handler: Handler): Promise<HttpServer> {
  const server = await startHttpServer(handler);
  onTestFinished(() => server.close());
  return server;
}

export interface ScriptedIssuer {
  readonly server: HttpServer;
  /** URL of the MCP server, at the origin of the same HTTP server, which publishes no resource metadata. */
  readonly url: string;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
  /** Returns the requests to the token endpoint so far. */
  tokenRequests(): readonly RecordedRequest[];
  /** Resolves once the token endpoint has received this many requests. */
  receivedTokenRequests(count: number): Promise<void>;
}

/**
 * Starts a scripted authorization server at the origin of the MCP server. `token` answers token requests, `rest`
 * answers all other requests except those for metadata.
 */
export async function startScriptedIssuer(
  token: Handler,
  rest: Handler = (_request, response) => sendJson(response, {}, 404),
): Promise<ScriptedIssuer> {
  const server = await startScriptedServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer, token_endpoint: `${issuer}/token` });
    }
    if (request.url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
    return request.url === "/token" ? token(request, response) : rest(request, response);
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const url = `${server.origin}/mcp`;
  const tokenRequests = () => server.requests.filter((request) => request.url === "/token");
  return {
    server,
    url,
    config: { servers: { tools: { url, grant: { client } } } },
    env: { SECRET: agentSecret },
    tokenRequests,
    async receivedTokenRequests(count) {
      while (tokenRequests().length < count) await server.received(server.requests.length + 1);
    },
  };
}

/** Sends a successful token response. */
export function sendToken(response: ServerResponse, accessToken: string, lifetime = 3_600): void {
  sendJson(response, { access_token: accessToken, token_type: "Bearer", expires_in: lifetime });
}

const options: Record<keyof McpAuthOptions, true> = {
  ...{ config: true, cwd: true, env: true, fetch: true, logger: true, store: true, resolvers: true },
  ...{ signers: true, allowExec: true, allow: true, clock: true },
};

/** Creates a runtime and stops it when the test ends. Leaves out what a world or a clock has besides the options. */
export async function createTestRuntime<Name extends string>(
  given: McpAuthOptions<Name>,
): Promise<McpAuth<Name>> {
  const known = Object.entries(given).filter(([name]) => Object.hasOwn(options, name));
  // The entries are those of `given`, without the ones that are no options.
  const auth = await createMcpAuth(Object.fromEntries(known) as McpAuthOptions<Name>);
  onTestFinished(() => auth.stop());
  return auth;
}

/** Creates a runtime for a world and returns it with its manager. */
export async function createTestManager(
  world: Pick<World, "config" | "env">,
  options: McpAuthOptions<"tools"> = {},
) {
  const auth = await createTestRuntime<"tools">({ config: world.config, env: world.env, ...options });
  return { auth, manager: auth.resolve("tools") };
}

export interface ConnectedClient {
  /** Calls the tool `echo` and returns its result. */
  echo(text: string): Promise<unknown>;
}

type Connect = (manager: TokenManager) => Promise<ConnectedClient>;

export const viaFetchV2: Connect = (manager) => connectV2(manager, { fetch: manager.fetch });
export const viaAuthProviderV2: Connect = (manager) =>
  connectV2(manager, { authProvider: authProvider(manager) });
const viaOauthProviderV2: Connect = (manager) => connectV2(manager, { authProvider: oauthProvider(manager) });
export const viaFetchV1: Connect = (manager) => connectV1(manager, { fetch: manager.fetch });
export const viaOauthProviderV1: Connect = (manager) =>
  connectV1(manager, { authProvider: oauthProvider(manager) });

/** Every way to connect an MCP SDK through a manager. */
export const sdkConnections: ReadonlyArray<readonly [name: string, connect: Connect]> = [
  ["fetch of SDK v2", viaFetchV2],
  ["authProvider of SDK v2", viaAuthProviderV2],
  ["oauthProvider of SDK v2", viaOauthProviderV2],
  ["fetch of SDK v1", viaFetchV1],
  ["oauthProvider of SDK v1", viaOauthProviderV1],
];

async function connectV2(
  manager: TokenManager,
  options: ConstructorParameters<typeof StreamableHTTPClientTransport>[1],
): Promise<ConnectedClient> {
  const client = new Client({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(manager.url), options));
  return { echo: async (text) => textOf(await client.callTool({ name: "echo", arguments: { text } })) };
}

async function connectV1(
  manager: TokenManager,
  options: ConstructorParameters<typeof TransportV1>[1],
): Promise<ConnectedClient> {
  const client = new ClientV1({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  const transport = new TransportV1(new URL(manager.url), options);
  // The SDK's class does not match its own Transport type under exactOptionalPropertyTypes.
  await client.connect(transport as unknown as TransportInterfaceV1);
  return { echo: async (text) => textOf(await client.callTool({ name: "echo", arguments: { text } })) };
}

function textOf(result: object): unknown {
  const [first] = "content" in result && Array.isArray(result.content) ? result.content : [];
  return typeof first === "object" && first !== null && "text" in first ? first.text : undefined;
}

/** Collects unhandled rejections from now on until the test ends. */
export function recordUnhandledRejections(): readonly unknown[] {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  return unhandled;
}

export interface RecordedEvent extends TokenEvent {
  readonly event: string;
}

/** Collects all token events of a runtime from now on. */
export function recordEvents(auth: McpAuth<string>): RecordedEvent[] {
  const heard: RecordedEvent[] = [];
  const names = [
    "token:renewed",
    "token:warning",
    "token:failed",
    "token:rejected",
    "token:cooldown",
  ] as const;
  for (const name of names) auth.on(name, (event) => heard.push({ event: name, ...event }));
  return heard;
}

/** Returns the reasons of all renewals so far. */
export function renewalReasons(heard: readonly RecordedEvent[]): string[] {
  return heard.filter(({ event }) => event === "token:renewed").map(({ reason }) => reason);
}

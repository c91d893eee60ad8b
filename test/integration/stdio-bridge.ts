// Helpers of the tests of the stdio bridge: a bridge between in-memory streams, and hosts that use it.
import { PassThrough } from "node:stream";
import { Client } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioServerTransport as StreamTransportV1 } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StdioServerTransport as StreamTransport } from "@modelcontextprotocol/server/stdio";
import { onTestFinished } from "vitest";
import type { Clock } from "../../src/lib/clock.js";
import { bridgeStdio } from "../../src/proxy/stdio/bridge.js";
import type { BridgedManager } from "../../src/proxy/stdio/server-transport.js";
import {
  type RunningSessionServer,
  type SessionServerOptions,
  startSessionServer,
} from "../support/session-server.js";

export interface RunningBridge {
  /** What the host writes to. */
  readonly input: PassThrough;
  /** What the host reads from. */
  readonly output: PassThrough;
  readonly notices: readonly string[];
  /** Resolves when the bridge has ended. */
  readonly ended: Promise<void>;
  readonly stop: () => void;
}

export interface BridgeOptions {
  readonly clock?: Clock;
  /** Bytes that the output takes before a reader has to read. */
  readonly outputSize?: number;
}

/** A manager that needs no token. */
export function plainManager(url: string): BridgedManager {
  return { name: "tools", url, fetch: (input, init) => fetch(input, init), status: () => ({}) };
}

/** Starts a bridge, and stops it when the test ends. */
export function startBridge(
  manager: BridgedManager,
  { clock, outputSize }: BridgeOptions = {},
): RunningBridge {
  const input = new PassThrough();
  const output = new PassThrough(outputSize === undefined ? {} : { highWaterMark: outputSize });
  const notices: string[] = [];
  const stopping = new AbortController();
  const ended = bridgeStdio({
    ...{ manager, input, output, signal: stopping.signal },
    onNotice: (line) => notices.push(line),
    ...(clock && { clock }),
  });
  onTestFinished(async () => {
    stopping.abort();
    await ended;
  });
  return { input, output, notices, ended, stop: () => stopping.abort() };
}

/** Starts a server with sessions, and closes it when the test ends. */
export async function startSessions(options: SessionServerOptions): Promise<RunningSessionServer> {
  const server = await startSessionServer(options);
  onTestFinished(() => server.close());
  return server;
}

/** Connects a client of SDK v2 to a bridge. */
export async function connectHost(
  { output, input }: RunningBridge,
  options: ConstructorParameters<typeof Client>[1] = {},
  prepare: (client: Client) => void = () => {},
): Promise<Client> {
  const client = new Client({ name: "host", version: "1.0.0" }, options);
  prepare(client);
  // The transport of a server, with the streams exchanged, is that of a client without a process.
  await client.connect(new StreamTransport(output, input));
  return client;
}

/** Connects a client of SDK v1 to a bridge. */
export async function connectHostV1({ output, input }: RunningBridge): Promise<ClientV1> {
  const client = new ClientV1({ name: "host", version: "1.0.0" });
  await client.connect(new StreamTransportV1(output, input));
  return client;
}

/** Any JSON-RPC message. */
export interface Json {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly [property: string]: unknown;
}

export interface WrittenHost {
  /** Everything that the bridge has written so far. */
  readonly received: readonly Json[];
  write(...lines: (Json | readonly Json[] | string)[]): void;
  /** Returns the next message that fits, also if it came before. Each is returned once. */
  next(fits: (message: Json) => boolean): Promise<Json>;
  /** Returns the answer to a request. */
  answer(id: string | number | null): Promise<Json>;
  /** Sends `initialize` and `notifications/initialized`, and returns the answer. */
  initialize(protocolVersion?: string): Promise<Json>;
}

/** A host that is written by hand, line by line. */
export function writtenHost({ input, output }: RunningBridge): WrittenHost {
  const received: Json[] = [];
  const taken = new Set<Json>();
  let rest = "";
  let wake = (): void => {};
  output.setEncoding("utf8");
  output.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) received.push(JSON.parse(line));
    wake();
  });
  const next = async (fits: (message: Json) => boolean): Promise<Json> => {
    for (;;) {
      const found = received.find((message) => !taken.has(message) && fits(message));
      if (found !== undefined) {
        taken.add(found);
        return found;
      }
      await new Promise<void>((resolve) => {
        const others = wake;
        wake = () => {
          others();
          resolve();
        };
      });
    }
  };
  const write: WrittenHost["write"] = (...lines) => {
    for (const line of lines) input.write(`${typeof line === "string" ? line : JSON.stringify(line)}\n`);
  };
  const answer = (id: string | number | null) =>
    next((message) => message.id === id && message.method === undefined);
  return {
    received,
    write,
    next,
    answer,
    async initialize(protocolVersion = "2025-11-25") {
      const clientInfo = { name: "host", version: "1.0.0" };
      const params = { protocolVersion, capabilities: {}, clientInfo };
      write({ jsonrpc: "2.0", id: "init", method: "initialize", params });
      const result = await answer("init");
      write({ jsonrpc: "2.0", method: "notifications/initialized" });
      return result;
    },
  };
}

/** Returns a request that calls a tool. */
export function toolCall(id: string | number, name: string, more: object = {}): Json {
  return { jsonrpc: "2.0", id, method: "tools/call", params: { name, arguments: {}, ...more } };
}

/** Returns a request of MCP 2026-07-28. */
export function modernRequest(id: string | number, method: string, params: object = {}): Json {
  const prefix = "io.modelcontextprotocol/";
  const _meta = {
    [`${prefix}protocolVersion`]: "2026-07-28",
    [`${prefix}clientInfo`]: { name: "host", version: "1.0.0" },
    [`${prefix}clientCapabilities`]: {},
  };
  return { jsonrpc: "2.0", id, method, params: { _meta, ...params } };
}

/** Returns the text that a tool returned. */
export function textOf(result: unknown): unknown {
  const content = typeof result === "object" && result !== null && "content" in result ? result.content : [];
  const first: unknown = Array.isArray(content) ? content[0] : undefined;
  return typeof first === "object" && first !== null && "text" in first ? first.text : undefined;
}

/// <reference lib="esnext.disposable" preserve="true" />
import "../lib/check-node.js";
import type { McpAuth, TokenManager } from "../index.js";
import { version } from "../lib/version.js";
import { connectTimeout } from "./common/connect-timeout.js";
import { hostFetch } from "./common/host-fetch.js";
import { assertHostVersion } from "./common/host-version.js";
import { managersOf } from "./common/managers-of.js";
import type { LangChainTool } from "./langchain/langchain-tool.js";
import { loadLibraries, type McpClient, type McpLibraries } from "./langchain/libraries.js";

export type { LangChainTool } from "./langchain/langchain-tool.js";

/** The tools of MCP servers, and their connections. */
export interface LangChainTools extends Array<LangChainTool>, AsyncDisposable {
  /** Closes the connections to the servers. The tools cannot be called afterwards. */
  close(): Promise<void>;
}

export interface LoadToolsOptions {
  /** Calls a tool `search` of the server `crm` `crm__search`. Use it if two servers have a tool of the same name. */
  readonly prefixToolNameWithServerName?: boolean;
}

/** Milliseconds that the MCP SDK waits for a response unless it is told otherwise. */
const requestTimeout = 60_000;

/**
 * Connects to all servers of the config, or to the named ones, and returns their tools for an agent of LangChain or
 * LangGraph. The tools come from `loadMcpTools()` of `@langchain/mcp-adapters`, over clients of the MCP SDK that have the
 * manager's `fetch`. Both packages must be installed.
 *
 * The connections stay open until `close()`. If a server cannot be reached, none stays open.
 *
 * Rejects with `unknown_server` for a name that the config does not have, with `config_invalid` if a package is missing
 * or too old, with the codes of `TokenManager.fetch`, and with the errors of the MCP SDK.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth();
 * const agent = createAgent({ model: "openai:gpt-5", tools: await loadTools(auth) });
 * ```
 */
export async function loadTools<Name extends string>(
  auth: McpAuth<Name>,
  names?: readonly NoInfer<Name>[],
  options: LoadToolsOptions = {},
): Promise<LangChainTools> {
  const managers = managersOf(auth, names);
  assertHostVersion("@langchain/mcp-adapters", "0.5.4", 'it ignores "defaultToolTimeout"');
  assertHostVersion("@modelcontextprotocol/sdk", "1.15.0", 'it ignores "fetch"');
  const libraries = await loadLibraries();
  const clients: McpClient[] = [];
  const close = async () => {
    await Promise.all(clients.map((client) => client.close()));
  };
  const loaded = await Promise.allSettled(
    managers.map(async ([name, manager]) => {
      const client = await connect(manager, libraries);
      clients.push(client);
      const limit = connectTimeout(manager);
      return await libraries.loadMcpTools(name, client, {
        prefixToolNameWithServerName: options.prefixToolNameWithServerName ?? false,
        ...(limit > requestTimeout && { defaultToolTimeout: limit }),
      });
    }),
  );
  const failed = loaded.find((each) => each.status === "rejected");
  if (failed !== undefined) {
    await close();
    throw failed.reason;
  }
  const tools = loaded.flatMap((each) => (each.status === "fulfilled" ? each.value : []));
  return Object.assign(tools, { close, [Symbol.asyncDispose]: close });
}

async function connect(manager: TokenManager, libraries: McpLibraries): Promise<McpClient> {
  const { Client, StreamableHTTPClientTransport } = libraries;
  const client = new Client(
    { name: "mcp-auth-runtime-langchain", version },
    { capabilities: manager.clientCapabilities },
  );
  const transport = new StreamableHTTPClientTransport(new URL(manager.url), { fetch: hostFetch(manager) });
  await client.connect(transport, { timeout: connectTimeout(manager) });
  return client;
}

/// <reference lib="esnext.disposable" preserve="true" />
import "../lib/check-node.js";
import type { McpAuth } from "../index.js";
import { assertHostVersion } from "./common/host-version.js";
import { managersOf } from "./common/managers-of.js";
import type { LangChainTool } from "./langchain/langchain-tool.js";
import { loadLibraries } from "./langchain/libraries.js";
import { loadToolsWith } from "./langchain/load-tools.js";

export type { LangChainTool, LangChainToolSchema } from "./langchain/langchain-tool.js";

/** Tools of MCP servers, with the connections to these servers. */
export interface LangChainTools extends Array<LangChainTool>, AsyncDisposable {
  /** Closes the connections. The tools cannot be called afterwards. */
  close(): Promise<void>;
}

export interface LoadToolsOptions {
  /** Adds the name of its server to the name of each tool: `crm__search`. For servers with tools of the same name. */
  readonly prefixToolNameWithServerName?: boolean;
}

/**
 * Connects to all servers of the config, or to the named ones, and returns their tools for an agent of LangChain or
 * LangGraph. The tools come from `loadMcpTools()` of `@langchain/mcp-adapters` (0.5.4 or later), over clients of
 * `@modelcontextprotocol/sdk` (1.15.0 or later) that have the manager's `fetch`. Both packages must be installed. A server
 * may take a little longer to connect than the config's `deadline`. The connections stay open until `close()`.
 *
 * Rejects with `unknown_server` for a name that the config does not have, with `config_invalid` if a package is missing
 * or too old, and with the codes of `manager.fetch` or an error of the MCP SDK if a server cannot be reached.
 *
 * @example
 * ```ts
 * await using tools = await loadTools(auth);
 * const agent = createAgent({ model: "openai:gpt-5-mini", tools });
 * ```
 */
export async function loadTools<Name extends string>(
  auth: McpAuth<Name>,
  names?: readonly NoInfer<Name>[],
  options: LoadToolsOptions = {},
): Promise<LangChainTools> {
  const managers = managersOf(auth, names);
  const sdkReason = 'it ignores "fetch" and would send its requests without a token';
  assertHostVersion("@modelcontextprotocol/sdk", "1.15.0", sdkReason);
  assertHostVersion("@langchain/mcp-adapters", "0.5.4", "its tools have no option for a time limit");
  const libraries = await loadLibraries();
  const { prefixToolNameWithServerName = false } = options;
  const { tools, close } = await loadToolsWith(libraries, managers, prefixToolNameWithServerName);
  return Object.assign(tools, { close, [Symbol.asyncDispose]: close });
}

import type { FetchFunction } from "../../index.js";
import { loadPackage } from "../common/load-package.js";
import type { LangChainTool } from "./langchain-tool.js";

/** The functions and classes that we use of the packages of the host. */
export interface McpLibraries {
  readonly loadMcpTools: (
    serverName: string,
    client: McpClient,
    options: { readonly prefixToolNameWithServerName: boolean; readonly defaultToolTimeout?: number },
  ) => Promise<LangChainTool[]>;
  readonly Client: new (
    info: { readonly name: string; readonly version: string },
    options: { readonly capabilities: object },
  ) => McpClient;
  readonly StreamableHTTPClientTransport: new (
    url: URL,
    options: { readonly fetch: FetchFunction },
  ) => McpTransport;
}

export interface McpClient {
  connect(transport: McpTransport, options: { readonly timeout: number }): Promise<void>;
  close(): Promise<void>;
}

interface McpTransport {
  close(): Promise<void>;
}

/**
 * Loads the packages of LangChain and of the MCP SDK. Rejects with `config_invalid` if one of them is not installed.
 */
export async function loadLibraries(): Promise<McpLibraries> {
  const [adapters, client, http] = await Promise.all([
    load("@langchain/mcp-adapters"),
    load("@modelcontextprotocol/sdk/client/index.js"),
    load("@modelcontextprotocol/sdk/client/streamableHttp.js"),
  ]);
  // The packages have these exports in all versions that we accept.
  return { ...(adapters as object), ...(client as object), ...(http as object) } as McpLibraries;
}

async function load(name: string): Promise<unknown> {
  return await loadPackage(
    name,
    "Could not load the tools for LangChain: a package that this needs is not installed. Run: npm install @langchain/mcp-adapters @modelcontextprotocol/sdk@1",
  );
}

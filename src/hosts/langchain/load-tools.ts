import type { TokenManager } from "../../index.js";
import { version } from "../../lib/version.js";
import { connectTimeout } from "../common/connect-timeout.js";
import { hostFetch } from "../common/host-fetch.js";
import type { LangChainTool } from "./langchain-tool.js";
import type { McpClient, McpLibraries } from "./libraries.js";

export interface LoadedTools {
  readonly tools: LangChainTool[];
  close(): Promise<void>;
}

/** Milliseconds that the MCP SDK waits for a response unless it is told otherwise. */
const requestTimeout = 60_000;

/** Connects to the servers and loads their tools. Rejects if one of them fails, and then leaves no connection open. */
export async function loadToolsWith(
  libraries: McpLibraries,
  managers: readonly (readonly [name: string, manager: TokenManager])[],
  prefixToolNameWithServerName: boolean,
): Promise<LoadedTools> {
  const clients: McpClient[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(clients.map((client) => client.close()));
  };
  const loading = managers.map(async ([name, manager]) => {
    const client = await connect(manager, libraries);
    clients.push(client);
    const limit = connectTimeout(manager);
    return await libraries.loadMcpTools(name, client, {
      prefixToolNameWithServerName,
      ...(limit > requestTimeout && { defaultToolTimeout: limit }),
    });
  });
  try {
    return { tools: (await Promise.all(loading)).flat(), close };
  } catch (error) {
    // Another server may still be connecting.
    await Promise.allSettled(loading);
    await close();
    throw error;
  }
}

async function connect(manager: TokenManager, libraries: McpLibraries): Promise<McpClient> {
  const { Client, StreamableHTTPClientTransport } = libraries;
  const capabilities = { ...manager.clientCapabilities };
  const client = new Client({ name: "mcp-auth-runtime", version }, { capabilities });
  const transport = new StreamableHTTPClientTransport(new URL(manager.url), { fetch: hostFetch(manager) });
  await client.connect(transport, { timeout: connectTimeout(manager) });
  return client;
}

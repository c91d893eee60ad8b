import { McpAuthError } from "../../errors/error.js";
import type { TokenManager } from "../../index.js";
import { connectTimeout } from "../common/connect-timeout.js";
import type { ServerRequests } from "./requests.js";

/** `CopilotSession` of `@github/copilot-sdk`, as far as it is used here. */
export interface CopilotSession {
  readonly sessionId: string;
  readonly rpc: {
    readonly mcp: {
      list(): Promise<{ readonly servers: readonly { readonly name: string; readonly status: string }[] }>;
      restartServer(server: { serverName: string }): Promise<unknown>;
    };
  };
}

/** Milliseconds between two looks at the state of a server. */
const interval = 50;

/**
 * Milliseconds in which the runtime neither connects a server nor asks for a token before it counts as given up. On a
 * busy machine, a second can pass between a 401 and the request for a token.
 */
const patience = 3_000;

/** Resolves when a session is connected to a server. Rejects with the reason why it is not. */
export async function connect(
  manager: TokenManager,
  { rpc }: CopilotSession,
  requests: ServerRequests,
): Promise<void> {
  const { name: serverName } = manager;
  const began = performance.now();
  const cancelledBefore = requests.cancelled;
  let mayRestart = true;
  let idleSince = began;
  while (performance.now() - began < connectTimeout(manager)) {
    const { servers } = await rpc.mcp.list();
    const status = servers.find(({ name }) => name === serverName)?.status;
    if (status === "connected") return;
    if (status === "disabled" || requests.cancelled > cancelledBefore) break;
    const now = performance.now();
    // A restart while a request is open would make the runtime ignore the token.
    if (status === "pending" || requests.open > 0) idleSince = now;
    // After a request that was cancelled before, the runtime does nothing by itself.
    const limit = mayRestart && cancelledBefore > 0 ? 0 : patience;
    if (now - idleSince >= limit && status !== "pending" && requests.open === 0) {
      if (!mayRestart) break;
      mayRestart = false;
      idleSince = now;
      // It rejects for a server that needs a token, although it then asks for one and connects.
      await rpc.mcp.restartServer({ serverName }).catch(() => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
  throw manager.status().lastError ?? notConnected(serverName);
}

function notConnected(server: string): McpAuthError {
  return new McpAuthError(
    "unavailable",
    `Server "${server}": the Copilot runtime could not connect to it. ` +
      'Check that the server is reachable, and that the "mcpServers" of the session have it.',
    { server, retryable: true },
  );
}

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { nodePath } from "./node.mjs";

const clientId = "bench-agent";
const secret = "bench-secret";

/**
 * Starts an authorization server and a protected MCP server on loopback, in their own process, so that their work is
 * not measured.
 *
 * @param {{ latency?: number; lifetime?: number }} [options] `latency`: delay of each response in milliseconds;
 *   `lifetime`: lifetime of tokens in seconds
 */
export async function startServers({ latency = 0, lifetime = 3600 } = {}) {
  const child = fork(
    fileURLToPath(new URL("server-process.mjs", import.meta.url)),
    [String(latency), String(lifetime)],
    {
      execPath: nodePath,
      execArgv: [],
    },
  );
  const [{ issuer, mcpUrl }] = await once(child, "message");
  const ask = async (message) => {
    child.send(message);
    const [answer] = await once(child, "message");
    return answer;
  };
  return {
    issuer,
    mcpUrl,
    clientId,
    secret,
    tokenEndpoint: `${issuer}/token`,
    httpsAuthority: issuer.replace(/^http:/, "https:"),
    /** Returns the config, which uses only defaults. */
    config: () => ({
      servers: {
        bench: { url: mcpUrl, grant: { client: { issuer, id: clientId, secret: { env: "BENCH_SECRET" } } } },
      },
    }),
    /**
     * Returns all requests so far: `{ kind, authorized, start, end, status }`, in milliseconds by the servers' clock.
     */
    records: () => ask({ type: "records" }),
    /** Deletes the records. */
    clear: () => ask({ type: "clear" }),
    /** Moves the servers' clock forward, which expires earlier tokens. */
    advance: (milliseconds) => ask({ type: "advance", milliseconds }),
    async stop() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
  };
}

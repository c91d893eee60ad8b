import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { nodePath } from "./node.mjs";

const clientId = "bench-agent";
const secret = "bench-secret";

/**
 * An authorization server and a protected MCP server on loopback, in a process of their own, so that their work is
 * not measured with the client's.
 *
 * @param {{ latency?: number; lifetime?: number }} [options] `latency`: milliseconds by which each response is held back, as
 *   a network would; `lifetime`: seconds that a token lives
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
    /** The same for each measurement: defaults throughout. */
    config: () => ({
      servers: {
        bench: { url: mcpUrl, grant: { client: { issuer, id: clientId, secret: { env: "BENCH_SECRET" } } } },
      },
    }),
    /** Every request so far: `{ kind, authorized, start, end, status }`, milliseconds on the servers' clock. */
    records: () => ask({ type: "records" }),
    /** Forgets the records. */
    clear: () => ask({ type: "clear" }),
    /** Moves the servers' clock on, which expires what was issued before. */
    advance: (milliseconds) => ask({ type: "advance", milliseconds }),
    async stop() {
      const closed = once(child, "exit");
      child.disconnect();
      await closed;
    },
  };
}

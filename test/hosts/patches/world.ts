// The servers that the programs call: an authorization server, and an MCP server that accepts its tokens.
import { randomBytes } from "node:crypto";
import { startAuthorizationServer } from "../../support/authorization-server.js";
import { startMcpServer } from "../../support/mcp-server.js";

export interface Call {
  readonly path: string;
  readonly status: number;
  /** Whether the call had a token of the authorization server. */
  readonly hasToken: boolean;
  readonly authorization: string | undefined;
  readonly traceparent: string | undefined;
}

export async function startWorld() {
  const secret = randomBytes(12).toString("hex");
  const issuer = await startAuthorizationServer({ clients: [{ id: "agent", secret }] });
  const mcp = await startMcpServer({ issuer: issuer.issuer });
  const client = { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } };
  return {
    issuer,
    mcp,
    url: mcp.url,
    env: { SECRET: secret, MCP_URL: mcp.url },
    config: { servers: { tools: { url: mcp.url, grant: { client } } } },
    /** Returns the requests to the MCP endpoint, in order. */
    calls(): Call[] {
      return mcp.requests
        .filter(({ path }) => path.startsWith("/mcp"))
        .map(({ path, status, jti, headers }) => ({
          path,
          status,
          hasToken: jti !== undefined,
          authorization: headers.authorization,
          traceparent: [headers["traceparent"]].flat()[0],
        }));
    },
    revokeAll(): void {
      for (const { jti } of issuer.issued) mcp.revoke(jti);
    },
    async close(): Promise<void> {
      await Promise.all([issuer.close(), mcp.close()]);
    },
  };
}

import { McpAuthError } from "../../errors/error.js";
import type { TokenManager } from "../../index.js";
import { internalsOf } from "../../runtime/manager-internals.js";
import { connectTimeout } from "../common/connect-timeout.js";

export interface AskedFor {
  /** The token that the host got last, if the server has refused it. */
  readonly refused: string | undefined;
  /** The scopes that the server named in a 403. */
  readonly scope: string | undefined;
}

/** A request that every server answers, and that changes nothing (MCP, utilities, ping). */
const ping = JSON.stringify({ jsonrpc: "2.0", id: "mcp-auth-runtime", method: "ping" });

/**
 * Returns a token that the server accepts. Rejects with the codes of `TokenManager.getAccessToken`, with `unauthorized`
 * if the server refuses new tokens too, and with `insufficient_scope` for a scope that the config does not allow.
 */
export async function acceptedToken(manager: TokenManager, { refused, scope }: AskedFor): Promise<string> {
  const status = await tryToken(manager);
  const token = await manager.getAccessToken();
  if (status === 401) throw manager.status().lastError ?? refusedAgain(manager);
  if (scope !== undefined) return await tokenWithScopes(manager, scope);
  // An answer such as 400, for a request outside of a session, may have come before the server looked at the token.
  const isAccepted = status >= 200 && status < 300;
  if (token !== refused || isAccepted) return token;
  await internalsOf(manager).reportRefused(token);
  return await manager.getAccessToken();
}

/**
 * Sends a ping. The manager replaces a token that the server refuses, and sends it again. Returns the status of the
 * response, or 0 if there was none in time.
 */
async function tryToken(manager: TokenManager): Promise<number> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), connectTimeout(manager));
  try {
    const response = await manager.fetch(manager.url, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
      body: ping,
      signal: limit.signal,
    });
    await response.body?.cancel();
    return response.status;
  } catch (error) {
    if (error instanceof McpAuthError && !limit.signal.aborted) throw error;
    return 0;
  } finally {
    clearTimeout(timer);
  }
}

/** Returns a token that also has the scopes, which become default scopes of the manager. */
async function tokenWithScopes(manager: TokenManager, scope: string): Promise<string> {
  const named = scope.split(" ").filter((each) => each !== "");
  await internalsOf(manager).stepUp(named);
  return await manager.getAccessToken();
}

function refusedAgain({ name }: TokenManager): McpAuthError {
  return new McpAuthError(
    "unauthorized",
    `Server "${name}": it refused the token, and no other one may be requested yet. Try again in a minute.`,
    { server: name },
  );
}

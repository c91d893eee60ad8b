import "../lib/check-node.js";
import { type McpAuth, McpAuthError, type TokenManager } from "../index.js";
import { internalsOf } from "../runtime/manager-internals.js";
import { assertHostVersion } from "./common/host-version.js";
import { managersOf } from "./common/managers-of.js";
import { serversByName } from "./common/servers-by-name.js";
import { acceptedToken } from "./copilot/accepted-token.js";
import { type CopilotSession, connect } from "./copilot/connect.js";
import { serverRequests } from "./copilot/requests.js";

export type { CopilotSession } from "./copilot/connect.js";

/** `MCPHTTPServerConfig` of `@github/copilot-sdk`, as far as it is set here. */
export interface CopilotServerConfig {
  type: "http";
  url: string;
  /** All tools of the server. */
  tools: string[];
  disableToolCache: boolean;
  headers?: Record<string, string>;
}

/** `McpAuthRequest` of `@github/copilot-sdk`, as far as it is used here. */
export interface CopilotAuthRequest {
  readonly serverName: string;
  readonly serverUrl: string;
  readonly reason: string;
  readonly wwwAuthenticateParams?: { readonly scope?: string };
}

export type CopilotAuthResult = { kind: "token"; accessToken: string } | { kind: "cancelled" };

/** `McpAuthHandler` of `@github/copilot-sdk`. */
export type CopilotAuthHandler = (
  request: CopilotAuthRequest,
  context: { readonly sessionId: string },
) => Promise<CopilotAuthResult | undefined>;

/**
 * Returns the `mcpServers` of a session of the GitHub Copilot SDK (`@github/copilot-sdk`, 1.0.5 or later): all servers of
 * the config, or the named ones. They have no token: `mcpAuthHandler()` gives it to the runtime when a server asks for
 * one.
 *
 * Throws `unknown_server` for a name that the config does not have, and `config_invalid` for an older version, which
 * never asks for a token, for a server with `headers` from secrets, which the runtime would keep, and for a server whose
 * config cannot be used.
 *
 * @example
 * ```ts
 * const session = await client.createSession({
 *   onPermissionRequest: approveAll,
 *   mcpServers: mcpServers(auth),
 *   onMcpAuthRequest: mcpAuthHandler(auth),
 * });
 * ```
 */
export function mcpServers<Name extends string, Chosen extends Name = Name>(
  auth: McpAuth<Name>,
  names?: readonly Chosen[],
): Record<Chosen, CopilotServerConfig> {
  assertVersion();
  return serversByName(auth, names, serverConfig);
}

/**
 * Returns the `onMcpAuthRequest` of a session. It answers with a token that the server accepts: before each answer it
 * sends a `ping` with the token at hand, and a refused token is replaced, once for all sessions. The runtime asks when it
 * connects and after each 401. It would show no tools, and no error, after a token that is refused.
 *
 * Without a token it answers that the request is cancelled, and a process warning has the message of the `McpAuthError`,
 * once until the server works again: the runtime does not show why a server has no tools. For a server that is not in the
 * config it returns `undefined`.
 *
 * Throws `config_invalid` for a version older than 1.0.5, which never calls it.
 *
 * @example
 * ```ts
 * const onMcpAuthRequest = mcpAuthHandler(auth);
 * const session = await client.createSession({ mcpServers: mcpServers(auth), onMcpAuthRequest });
 * ```
 */
export function mcpAuthHandler(auth: McpAuth): CopilotAuthHandler {
  assertVersion();
  /** What the last warning about a server said, until the server works again. */
  const warned = new Map<string, string>();
  return async ({ serverUrl, reason, wwwAuthenticateParams }, { sessionId }) => {
    // The URL decides who gets the token, whatever the server is called in the session.
    const manager = auth.resolveUrl(serverUrl);
    if (manager === undefined) return undefined;
    const { name } = manager;
    const requests = serverRequests(auth, sessionId, name);
    requests.open += 1;
    try {
      const accessToken = await acceptedToken(manager, {
        refused: reason === "refresh" || reason === "reauth" ? requests.token : undefined,
        scope: reason === "upscope" ? wwwAuthenticateParams?.scope : undefined,
      });
      requests.token = accessToken;
      requests.cancelled = 0;
      warned.delete(name);
      return { kind: "token", accessToken };
    } catch (error) {
      requests.cancelled += 1;
      if (!(error instanceof McpAuthError)) throw error;
      if (warned.get(name) !== error.message)
        process.emitWarning(error.message, { type: "McpAuthWarning", code: error.code });
      warned.set(name, error.message);
      return { kind: "cancelled" };
    } finally {
      requests.open -= 1;
    }
  };
}

/**
 * Resolves when the runtime has connected a session to all servers of the config, or to the named ones. Call it before
 * the first prompt: `createSession()` resolves earlier, and a prompt that is sent at once has no tools. Before later
 * prompts it connects again what has failed.
 *
 * Rejects with the error of the last token request, or with `unavailable` if a server cannot be reached, and with
 * `unknown_server` for a name that the config does not have.
 *
 * @example
 * ```ts
 * await connected(auth, session);
 * const answer = await session.sendAndWait("Which invoices are open?");
 * ```
 */
export async function connected<Name extends string>(
  auth: McpAuth<Name>,
  session: CopilotSession,
  names?: readonly NoInfer<Name>[],
): Promise<void> {
  await Promise.all(
    managersOf(auth, names).map(([name, manager]) =>
      connect(manager, session, serverRequests(auth, session.sessionId, name)),
    ),
  );
}

function serverConfig(manager: TokenManager): CopilotServerConfig {
  const { name, url } = manager;
  const { plainHeaders, secretHeaders } = internalsOf(manager);
  const [secret] = secretHeaders;
  if (secret !== undefined)
    throw new McpAuthError(
      "config_invalid",
      `Server "${name}": the Copilot runtime would keep the value of the header "${secret}", which is a secret. ` +
        "Use the proxy for this server, or remove the header.",
      { server: name },
    );
  const headers = Object.keys(plainHeaders).length > 0 ? { headers: { ...plainHeaders } } : {};
  return { type: "http", url, tools: ["*"], disableToolCache: true, ...headers };
}

function assertVersion(): void {
  assertHostVersion(
    "@github/copilot-sdk",
    "1.0.5",
    'it ignores "onMcpAuthRequest" and never asks for a token',
  );
}

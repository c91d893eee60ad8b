import { type McpAuth, McpAuthError, type Token, type TokenManager } from "../index.js";
import { untilAborted } from "../lib/wait.js";
import { internalsOf } from "../runtime/manager-internals.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { maskSecrets } from "./mask-secrets.js";
import { UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

/** Milliseconds. A host waits ten seconds for a headersHelper. */
const timeLimit = 8_000;

/** `headers [SERVER]`: prints the headers of a request, as the headersHelper contract of Claude Code says. */
export const headers = defineCommand({
  args: [{ name: "SERVER", is: "server", optional: true }],
  description: `
    Prints one JSON object with the headers of a request to SERVER, for the headersHelper of a host. Without SERVER, it uses the
    server that $CLAUDE_CODE_MCP_SERVER_NAME names, or the one at $CLAUDE_CODE_MCP_SERVER_URL. If that URL is set, the
    token of SERVER must be allowed to go there; otherwise nothing is printed.

    The token is always new: never from the store, and never the one that the last call printed, because a host calls
    again after a token was rejected. Only a static token is printed each time.`,
  examples: [
    ["headers crm", "the headers of a request to the server crm"],
    ["headers", "those of the server that the host names in its variables"],
  ],
  async run({ values, args: [named] }, io) {
    const timeout = AbortSignal.timeout(timeLimit);
    const signal = AbortSignal.any([io.signal, timeout]);
    let server: string | undefined;
    const printed = withRuntime(
      io,
      values,
      async (auth) => {
        const manager = managerFor(auth, named, io);
        server = manager.name;
        const { accessToken, object } = await newHeaders(manager, signal);
        // After the time limit, the error was already reported.
        signal.throwIfAborted();
        maskSecrets(io, [accessToken, ...secretsIn(object, manager)]);
        io.print.json(object);
        return exitCodes.done;
      },
      signal,
    );
    try {
      return await untilAborted(printed, timeout, () => tooLate(server));
    } catch (error) {
      if (!timeout.aborted || io.signal.aborted) throw error;
      // Does not wait for pending work.
      io.abandon?.();
      throw tooLate(server);
    }
  },
});

/**
 * Returns the manager of the server to print headers for. The host sends the headers to the URL that it names, so the
 * token must be allowed to go there, however the server was chosen: a project can give its own server the name of
 * another.
 */
function managerFor(auth: McpAuth, named: string | undefined, { env }: CommandIo): TokenManager {
  const name = env["CLAUDE_CODE_MCP_SERVER_NAME"] ?? "";
  const url = env["CLAUDE_CODE_MCP_SERVER_URL"] ?? "";
  const manager = named === undefined ? managerOfHost(auth, name, url) : auth.resolve(named);
  if (url !== "") internalsOf(manager).assertUrlOfServer(url, "The URL in CLAUDE_CODE_MCP_SERVER_URL");
  return manager;
}

/**
 * Finds the server that the host names, by name and then by URL. The host may use other server names than the config.
 */
function managerOfHost(auth: McpAuth, name: string, url: string): TokenManager {
  if (auth.has(name)) return auth.resolve(name);
  const manager = auth.resolveUrl(url);
  if (manager !== undefined) return manager;
  const tried = [
    ...(name === "" ? [] : ["has the name in CLAUDE_CODE_MCP_SERVER_NAME"]),
    ...(url === "" ? [] : ["is at the URL in CLAUDE_CODE_MCP_SERVER_URL"]),
  ];
  throw new UsageError(
    tried.length === 0
      ? "Name a server of the config: npx mcp-auth-runtime headers SERVER"
      : `No server of the config ${tried.join(" or ")}. Name one: npx mcp-auth-runtime headers SERVER`,
  );
}

/** Returns the values of headers that come from secret references. */
function secretsIn(object: NewHeaders["object"], manager: TokenManager): readonly string[] {
  const names = new Set(internalsOf(manager).secretHeaders);
  return Object.entries(object).flatMap(([name, value]) => (names.has(name) ? [value] : []));
}

interface NewHeaders {
  readonly accessToken: string;
  readonly object: Readonly<Record<string, string>>;
}

/** Requests a token other than the one of the last call, which may have been rejected. */
async function newHeaders(manager: TokenManager, signal: AbortSignal): Promise<NewHeaders> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { expiresAt } = await manager.getToken({ forceRefresh: true, signal });
    // Fails for a token that is bound to a key or certificate, before it is remembered.
    const object = await manager.getHeaders({ signal });
    // Uses the token in the headers, because they have another one if the first had expired on arrival.
    const accessToken = (object["authorization"] ?? "").replace(/^\S+ /, "");
    if (await isNewToken(manager, { accessToken, expiresAt })) return { accessToken, object };
  }
  const { name: server } = manager;
  throw new McpAuthError(
    "unauthorized",
    `Server "${server}": the authorization server issued the same token as for the last call, which may have been ` +
      "rejected. Nothing is printed until it issues another one or this one has expired. If the token was not rejected, " +
      `delete what is stored for this server: npx mcp-auth-runtime store clear ${server}`,
    { server },
  );
}

/** Whether the last call printed another token. Without a store, or if it is unavailable, every token counts as new. */
async function isNewToken(
  manager: TokenManager,
  token: Pick<Token, "accessToken" | "expiresAt">,
): Promise<boolean> {
  const { store } = internalsOf(manager);
  if (store === undefined) return true;
  try {
    return await store.isNewToken(token);
  } catch (error) {
    if (error instanceof McpAuthError && error.code === "store_unavailable") return true;
    throw error;
  }
}

function tooLate(server: string | undefined): McpAuthError {
  const subject =
    server === undefined ? "There were no headers" : `Server "${server}": there were no headers`;
  return new McpAuthError("timeout", `${subject} within ${timeLimit} ms. Try again.`, {
    server,
    retryable: true,
  });
}

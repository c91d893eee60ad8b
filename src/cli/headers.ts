import { type McpAuth, McpAuthError, type Token, type TokenManager } from "../index.js";
import { untilAborted } from "../lib/wait.js";
import { internalsOf } from "../runtime/manager-internals.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime headers [SERVER] [--config FILE] [--env-file FILE]

Prints one JSON object with the headers of a request to SERVER, as a headersHelper does. Without SERVER it is the one
named by $CLAUDE_CODE_MCP_SERVER_NAME, or that of the URL $CLAUDE_CODE_MCP_SERVER_URL. Where that URL is set, it must be
one that the token of SERVER may go to; otherwise nothing is printed. The token is always a new one, never one of the
store, and never the one that the last call has printed: it is called again when that was refused. Only a static token is
printed each time.
`;

/** Whoever calls a helper waits ten seconds for it. */
const timeLimit = 8_000;

/** `headers [SERVER]`: the headersHelper contract. */
export async function headers(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {});
  if (values.help === true) {
    io.print.result(help);
    return exitCodes.done;
  }
  const [named, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError("Name one server of the config, or none");
  const late = AbortSignal.timeout(timeLimit);
  const signal = AbortSignal.any([io.signal, late]);
  let server: string | undefined;
  const printed = withRuntime(
    io,
    values,
    async (auth) => {
      const manager = managerFor(auth, named, io);
      server = manager.name;
      const { accessToken, object } = await newHeaders(manager, signal);
      // The caller has been told already that there are none.
      signal.throwIfAborted();
      if (io.env["GITHUB_ACTIONS"] === "true") io.print.mask([accessToken, ...secretsIn(object, manager)]);
      io.print.json(object);
      return exitCodes.done;
    },
    signal,
  );
  try {
    return await untilAborted(printed, late, () => tooLate(server));
  } catch (error) {
    if (!late.aborted || io.signal.aborted) throw error;
    // Whatever did not end in time is not waited for.
    io.abandon?.();
    throw tooLate(server);
  }
}

/**
 * The server to print headers for. The host sends them to the URL that it names, so that must be one that the token may go
 * to, however the server was chosen: a project can give its own server the name of another.
 */
function managerFor(auth: McpAuth, named: string | undefined, { env }: CommandIo): TokenManager {
  const name = env["CLAUDE_CODE_MCP_SERVER_NAME"] ?? "";
  const url = env["CLAUDE_CODE_MCP_SERVER_URL"] ?? "";
  const manager = named === undefined ? managerOfHost(auth, name, url) : auth.resolve(named);
  if (url !== "") internalsOf(manager).assertWithinReach(url, "The URL in CLAUDE_CODE_MCP_SERVER_URL");
  return manager;
}

/** A host sets what it knows, and may have other names for its servers than the config. */
function managerOfHost(auth: McpAuth, name: string, url: string): TokenManager {
  if (auth.has(name)) return auth.resolve(name);
  const manager = auth.resolveUrl(url);
  if (manager !== undefined) return manager;
  const missed = [
    ...(name === "" ? [] : ["has the name in CLAUDE_CODE_MCP_SERVER_NAME"]),
    ...(url === "" ? [] : ["is at the URL in CLAUDE_CODE_MCP_SERVER_URL"]),
  ];
  throw new UsageError(
    missed.length === 0
      ? "Name a server of the config: npx mcp-auth-runtime headers SERVER"
      : `No server of the config ${missed.join(" or ")}; name one: npx mcp-auth-runtime headers SERVER`,
  );
}

/** The values of those headers that the config takes from secrets. */
function secretsIn(object: NewHeaders["object"], manager: TokenManager): readonly string[] {
  const names = new Set(internalsOf(manager).secretHeaders);
  return Object.entries(object).flatMap(([name, value]) => (names.has(name) ? [value] : []));
}

interface NewHeaders {
  readonly accessToken: string;
  readonly object: Readonly<Record<string, string>>;
}

/** With another token than the one that was given the last time, which may have been refused. */
async function newHeaders(manager: TokenManager, signal: AbortSignal): Promise<NewHeaders> {
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    const { expiresAt } = await manager.getToken({ forceRefresh: true, signal });
    // Fails for a token that is of no use in a header: that one is not given, and not remembered.
    const object = await manager.getHeaders({ signal });
    // That of the headers is what is printed: they have another one where the first had expired when it came.
    const accessToken = (object["authorization"] ?? "").replace(/^\S+ /, "");
    if (await isNews(manager, { accessToken, expiresAt })) return { accessToken, object };
  }
  const { name: server } = manager;
  throw new McpAuthError(
    "unauthorized",
    `Server "${server}": the authorization server gives the same token again that was given out before, and that may have ` +
      "been refused. Nothing is printed until there is another one or this one has expired. If it was not refused, have it " +
      `forgotten, with all else that is stored for this server: npx mcp-auth-runtime store clear ${server}`,
    { server },
  );
}

/** Without a store nobody remembers; and who cannot be asked now is no reason to give nothing. */
async function isNews(
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
  const whose = server === undefined ? "There were no headers" : `Server "${server}": no headers`;
  return new McpAuthError("timeout", `${whose} within ${timeLimit} ms. Try again.`, {
    server,
    retryable: true,
  });
}

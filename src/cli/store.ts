import { type McpAuth, McpAuthError } from "../index.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { noStore, parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime store clear [SERVER] [--config FILE] [--env-file FILE]

Deletes what is stored for SERVER, its metadata included, or without SERVER everything in the store of the config.
Tokens stay valid until they expire: see revoke. With the grant refresh_token it deletes all refresh tokens of the client,
even if another server uses them. If the authorization server has replaced the first refresh token, a new one is needed.
`;

/** `store clear [SERVER]`. */
export async function store(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {});
  if (values.help === true) {
    io.print.result(help);
    return exitCodes.done;
  }
  const [action, server, ...rest] = positionals;
  if (action !== "clear" || rest.length > 0) {
    throw new UsageError("The command is: npx mcp-auth-runtime store clear [SERVER]");
  }
  return await withRuntime(io, values, async (auth) => {
    const access = server === undefined ? anyStore(auth) : internalsOf(auth.resolve(server)).store;
    if (access === undefined) throw noStore();
    if (server === undefined) {
      const count = await access.forgetEverything();
      io.print.note(`store cleared, ${count === 1 ? "1 entry" : `${count} entries`}`);
    } else {
      const count = await access.forget();
      io.print.note(count === 0 ? `nothing is stored for "${server}"` : `"${server}" deleted from the store`);
    }
    return exitCodes.done;
  });
}

/** Returns the store, which all servers share, from the first server that can be used. */
function anyStore(auth: McpAuth): ManagerInternals["store"] {
  let failure: unknown = new UsageError("The config has no server");
  // From the last to the first, so that the error of the first remains if none can be used.
  for (const name of auth.servers.toReversed()) {
    try {
      return internalsOf(auth.resolve(name)).store;
    } catch (error) {
      if (!(error instanceof McpAuthError)) throw error;
      failure = error;
    }
  }
  throw failure;
}

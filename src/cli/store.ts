import type { McpAuth } from "../index.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { noStore } from "./no-store.js";
import { parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime store clear [SERVER] [--config FILE] [--env-file FILE]

Forgets what is stored for SERVER, its metadata included, or without SERVER everything that is in the store of the config.
Tokens stay good at the servers until they expire: see revoke. With the grant refresh_token all refresh tokens of its client
are forgotten, also where another server uses them; a new one is needed afterwards where the authorization server has
replaced the first.
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
    throw new UsageError("Say what to do with the store: npx mcp-auth-runtime store clear [SERVER]");
  }
  return await withRuntime(io, values, async (auth) => {
    const access = server === undefined ? anyStore(auth) : internalsOf(auth.resolve(server)).store;
    if (access === undefined) throw noStore();
    if (server === undefined) {
      const count = await access.forgetEverything();
      io.print.note(`store cleared, ${count === 1 ? "1 entry" : `${count} entries`}`);
    } else {
      const count = await access.forget();
      io.print.note(count === 0 ? `nothing is stored for "${server}"` : `"${server}" forgotten in the store`);
    }
    return exitCodes.done;
  });
}

/** The store is the same whichever server leads to it; one that cannot be used leads nowhere. */
function anyStore(auth: McpAuth): ManagerInternals["store"] {
  let failure: unknown = new UsageError("The config names no server");
  // From the last to the first: when there is none, the first says why.
  for (const name of auth.servers.toReversed()) {
    try {
      return internalsOf(auth.resolve(name)).store;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

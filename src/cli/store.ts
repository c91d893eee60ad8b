import { seamOf } from "../runtime/seam.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { noStore } from "./no-store.js";
import { parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime store clear [SERVER] [--config FILE] [--env-file FILE]

Forgets what is stored for SERVER, or without SERVER everything that is in the store of the config. Tokens stay good at
the servers until they expire: see revoke. A server with the grant refresh_token needs a new refresh token afterwards
where the authorization server has replaced the first one.
`;

/** `store clear [SERVER]`. */
export async function store(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {});
  if (values.help === true) {
    io.out(help);
    return exitCodes.done;
  }
  const [action, server, ...rest] = positionals;
  if (action !== "clear" || rest.length > 0) {
    throw new UsageError("Say what to do with the store: npx mcp-auth-runtime store clear [SERVER]");
  }
  return await withRuntime(io, values, async (auth) => {
    const [first] = auth.servers;
    const name = server ?? first;
    if (name === undefined) throw new UsageError("The config names no server");
    const access = seamOf(auth.resolve(name)).store;
    if (access === undefined) throw noStore();
    const count = await (server === undefined ? access.forgetEverything() : access.forget());
    io.err(
      server === undefined ? `store cleared, ${count} entries\n` : `"${server}" forgotten in the store\n`,
    );
    return exitCodes.done;
  });
}

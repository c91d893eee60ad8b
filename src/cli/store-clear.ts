import { type McpAuth, McpAuthError } from "../index.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { noStore, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

/** `store clear [SERVER]`. */
export const storeClear = defineCommand({
  args: [{ name: "SERVER", is: "server", optional: true }],
  description: `
    Deletes what is stored for SERVER, its metadata included, or without SERVER everything in the store of the config.
    Tokens stay valid until they expire: see revoke.

    With the grant refresh_token it deletes all refresh tokens of the client, even if another server uses them. If the
    authorization server has replaced the first refresh token, a new one is needed.`,
  examples: [
    ["store clear crm", "forget the tokens and metadata of the server crm"],
    ["store clear", "forget everything in the store"],
  ],
  async run({ values, args: [server] }, io) {
    return await withRuntime(io, values, async (auth) => {
      const access = server === undefined ? anyStore(auth) : internalsOf(auth.resolve(server)).store;
      if (access === undefined) throw noStore();
      if (server === undefined) {
        const count = await io.waitFor("Clearing the store", access.forgetEverything());
        io.print.note(`store cleared, ${count === 1 ? "1 entry" : `${count} entries`}`);
      } else {
        const count = await io.waitFor("Clearing the store", access.forget());
        io.print.note(
          count === 0 ? `nothing is stored for "${server}"` : `"${server}" deleted from the store`,
        );
      }
      return exitCodes.done;
    });
  },
});

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

import { type McpAuth, McpAuthError } from "../index.js";
import { counted } from "../lib/counted.js";
import { internalsOf, type ManagerInternals } from "../runtime/manager-internals.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { noStore, UsageError } from "./options.js";
import { signInAgain } from "./sign-in-again.js";
import { withRuntime } from "./with-runtime.js";

/** `store clear [SERVER]`. */
export const storeClear = defineCommand({
  args: [{ name: "SERVER", is: "server", optional: true }],
  description: `
    Deletes what is stored for SERVER, its metadata included, or without SERVER everything in the store of the config.
    Tokens stay valid until they expire: see revoke.

    With the grant refresh_token it deletes all refresh tokens of the client, even if another server uses them. Somebody
    has to sign in again then (see login). If the config has the first refresh token and the authorization server has
    replaced it, a new one is needed.`,
  options: { json: { type: "boolean", help: "print an object with the number of entries: deleted" } },
  examples: [
    ["store clear crm", "forget the tokens and metadata of the server crm"],
    ["store clear", "forget everything in the store"],
  ],
  async run({ values, args: [server] }, io) {
    return await withRuntime(io, values, async (auth) => {
      const manager = server === undefined ? undefined : auth.resolve(server);
      const access = manager === undefined ? anyStore(auth) : internalsOf(manager).store;
      if (access === undefined) throw noStore();
      const work = server === undefined ? access.forgetEverything() : access.forget();
      const deleted = await io.waitFor("Clearing the store", work);
      if (values.json === true) io.print.json({ deleted });
      if (server === undefined)
        io.print.note(`Store cleared: ${counted(deleted, "entry", "entries")} deleted.`);
      else if (deleted === 0) io.print.note(`Nothing is stored for "${server}".`);
      else io.print.note(`What was stored for "${server}" is deleted.`);
      const next = deleted === 0 || manager === undefined ? undefined : signInAgain(manager, io.signal);
      if (next !== undefined) io.print.note(next);
      return exitCodes.done;
    });
  },
});

/** Returns the store, which all servers share, from the first server that can be used. */
function anyStore(auth: McpAuth): ManagerInternals["store"] {
  let failure: unknown = new UsageError("The config has no server. Add one: npx mcp-auth-runtime init URL");
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

import { counted } from "../lib/counted.js";
import { internalsOf } from "../runtime/manager-internals.js";
import { defineCommand } from "./define-command.js";
import { exitCodes } from "./exit-code.js";
import { noStore } from "./options.js";
import { signInAgain } from "./sign-in-again.js";
import { withRuntime } from "./with-runtime.js";

/** `revoke SERVER`. */
export const revoke = defineCommand({
  args: [{ name: "SERVER", is: "server" }],
  description: `
    Revokes the tokens that are stored for SERVER at the authorization server (RFC 7009), the refresh token first, and
    deletes them. With the grant refresh_token these are all refresh tokens of the client, even if another server uses
    them.`,
  options: {
    json: { type: "boolean", help: "print an object with the numbers of tokens: revoked, unsupported" },
  },
  notes: `
    Exit code 3: the authorization server cannot revoke a token. It is deleted here, and stays valid until it expires.

    Exit code 4: the authorization server failed, or a stored token cannot be read. Nothing was deleted.`,
  examples: [["revoke crm", "end the stored tokens of the server crm"]],
  async run({ values, args: [server = ""] }, io) {
    return await withRuntime(io, values, async (auth) => {
      const manager = auth.resolve(server);
      const access = internalsOf(manager).store;
      if (access === undefined) throw noStore();
      const { revoked, unsupported } = await io.waitFor(
        `Revoking the tokens of ${server}`,
        access.revoke(io.signal),
      );
      if (values.json === true) io.print.json({ revoked, unsupported });
      if (revoked + unsupported === 0) io.print.note(`Nothing is stored for "${server}".`);
      if (revoked > 0) io.print.note(`${counted(revoked, "token")} revoked and deleted.`);
      if (unsupported > 0) {
        io.print.note(
          `The authorization server cannot revoke ${counted(unsupported, "token")}: deleted here, but valid until expiry.`,
        );
      }
      const next = revoked + unsupported === 0 ? undefined : signInAgain(manager, io.signal);
      if (next !== undefined) io.print.note(next);
      return unsupported === 0 ? exitCodes.done : exitCodes.refused;
    });
  },
});

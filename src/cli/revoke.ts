import { internalsOf } from "../runtime/manager-internals.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { noStore, parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime revoke SERVER [--config FILE] [--env-file FILE]

Revokes the tokens that are stored for SERVER at the authorization server (RFC 7009), the refresh token first, and deletes
them. With the grant refresh_token these are all refresh tokens of the client, even if another server uses them.

Exit code 3: the authorization server cannot revoke a token. It is deleted here, and stays valid until it expires.
Exit code 4: a token cannot be read. Nothing was sent or deleted.
`;

/** `revoke SERVER`. */
export async function revoke(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {});
  if (values.help === true) {
    io.print.result(help);
    return exitCodes.done;
  }
  const [server, ...rest] = positionals;
  if (server === undefined || rest.length > 0) {
    throw new UsageError("Name one server of the config: npx mcp-auth-runtime revoke SERVER");
  }
  return await withRuntime(io, values, async (auth) => {
    const access = internalsOf(auth.resolve(server)).store;
    if (access === undefined) throw noStore();
    const { revoked, unsupported } = await access.revoke(io.signal);
    if (revoked + unsupported === 0) io.print.note(`nothing is stored for "${server}"`);
    if (revoked > 0) io.print.note(`${tokens(revoked)} revoked and deleted`);
    if (unsupported === 0) return exitCodes.done;
    io.print.note(
      `the authorization server cannot revoke ${tokens(unsupported)}: deleted here, but still valid until expiry`,
    );
    return exitCodes.refused;
  });
}

function tokens(count: number): string {
  return count === 1 ? "1 token" : `${count} tokens`;
}

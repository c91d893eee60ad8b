import type { Token } from "../index.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { maskCommand } from "./mask.js";
import { parseOptions, UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

const help = `Usage: npx mcp-auth-runtime token SERVER [--json] [--force-refresh] [--config FILE] [--env-file FILE]

Prints the access token for SERVER, alone, on stdout.

  --json            an object with the token, its type, expiry (milliseconds since the epoch), scopes, issuer, resource
  --force-refresh   ask the authorization server even when a usable token is at hand
`;

/** `token SERVER`: the access token alone on stdout. */
export async function token(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    json: { type: "boolean" },
    "force-refresh": { type: "boolean" },
  });
  if (values.help === true) {
    io.out(help);
    return exitCodes.done;
  }
  const [server, ...rest] = positionals;
  if (server === undefined || rest.length > 0) {
    throw new UsageError("Name one server of the config: npx mcp-auth-runtime token SERVER");
  }
  const { json = false, "force-refresh": forceRefresh = false } = values;
  return await withRuntime(io, values, async (auth) => {
    const manager = auth.resolve(server);
    const { signal } = io;
    // Fails for a token that is of no use by itself.
    const accessToken = await manager.getAccessToken({ signal, forceRefresh });
    if (json) {
      const issued = await manager.getToken({ signal });
      print(io, issued.accessToken, JSON.stringify(described(issued), null, 2));
    } else print(io, accessToken, accessToken);
    return exitCodes.done;
  });
}

function described(token: Token): Record<string, unknown> {
  return { ...token.toJSON(), accessToken: token.accessToken };
}

/** The runner hides a token from its log once it was told, which must be before the token is printed. */
function print(io: CommandIo, accessToken: string, text: string): void {
  if (io.env["GITHUB_ACTIONS"] === "true") io.err(maskCommand(accessToken));
  io.out(`${text}\n`);
}

import { createMcpAuth } from "../index.js";
import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { environment, parseOptions, UsageError } from "./options.js";

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
  const env = await environment(io, values["env-file"]);
  const auth = await createMcpAuth({
    cwd: io.cwd,
    env,
    ...(values.config !== undefined && { config: values.config }),
  });
  try {
    const issued = await auth
      .resolve(server)
      .getToken({ signal: io.signal, forceRefresh: values["force-refresh"] === true });
    // The runner hides what this line names from the log, and must be told before the token is printed.
    if (env["GITHUB_ACTIONS"] === "true") io.err(`::add-mask::${issued.accessToken}\n`);
    const { accessToken } = issued;
    io.out(
      values.json === true
        ? `${JSON.stringify({ ...issued.toJSON(), accessToken }, null, 2)}\n`
        : `${accessToken}\n`,
    );
    return exitCodes.done;
  } finally {
    const stopped = auth.stop();
    // Whoever interrupts does not want to wait for what is under way.
    if (!io.signal.aborted) await stopped;
  }
}

import { exitCodes } from "./exit-code.js";
import type { CommandIo } from "./io.js";
import { parseOptions, UsageError } from "./options.js";

const help = `Usage: npx mcp-auth-runtime proxy [SERVER…] [OPTIONS]
       npx mcp-auth-runtime proxy --print HOST [SERVER…] [OPTIONS]
       npx mcp-auth-runtime proxy --stdio SERVER

Serves the servers of the config, or those that are named, at local URLs, each with its token, until it is interrupted.
Programs of this user call them with the local token, which is part of the printed settings.

  --listen ADDRESS  where to listen, on loopback only: 127.0.0.1:8484 by default; port 0 for any free one
  --socket PATH     listen on a Unix socket, where callers need no token. With --listen, on both
  --print HOST      print the settings for a host:HOSTS
  --new-token       replace the local token, which is otherwise kept. Then print the settings again
  --health ADDRESS  also answer probes for /-/live and /-/ready there, without a token: 0.0.0.0:8485
  --any-user        on Linux: also serve programs of other users, if they have the local token
  --stdio SERVER    serve one server on stdin and stdout, for hosts that can only start a command
  --config FILE     use this config instead of searching for one
  --env-file FILE   read variables from a file; those already set win
`;

/** `proxy`: serves until it is interrupted, or prints the settings of a host. */
export async function proxy(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseOptions(args, {
    listen: { type: "string" },
    socket: { type: "string" },
    print: { type: "string" },
    health: { type: "string" },
    stdio: { type: "string" },
    "new-token": { type: "boolean" },
    "any-user": { type: "boolean" },
  });
  const { hostNames } = await import("../proxy/host-settings/host-settings.js");
  if (values.help === true) {
    const indent = `\n${" ".repeat(20)}`;
    const [first, second] = [hostNames.slice(0, 6), hostNames.slice(6)].map((names) => names.join(", "));
    io.print.result(help.replace("HOSTS", `${indent}${first},${indent}${second}`));
    return exitCodes.done;
  }
  const { listen, socket, health, print: host, stdio } = values;
  const newToken = values["new-token"] === true;
  const options = {
    ...(positionals.length > 0 && { servers: positionals }),
    ...(listen !== undefined && { listen }),
    ...(socket !== undefined && { socket }),
    ...(health !== undefined && { health }),
    anyUser: values["any-user"] === true,
    newToken,
  };
  if (socket === "") throw new UsageError("--socket needs the path of a socket");
  if (stdio !== undefined) {
    if (
      Object.keys(values).some((name) => !["stdio", "config", "env-file"].includes(name)) ||
      positionals.length > 0
    ) {
      throw new UsageError(
        "--stdio takes one server and no other option: npx mcp-auth-runtime proxy --stdio SERVER",
      );
    }
    return await (await import("./proxy-stdio.js")).serveStdio(stdio, values, io);
  }
  if (host === undefined) return await (await import("./proxy-serve.js")).serve(options, values, io);
  const known = hostNames.find((name) => name === host);
  if (known === undefined) {
    throw new UsageError(`There are no settings for that host. Name one of: ${hostNames.join(", ")}`);
  }
  return await (await import("./proxy-print.js")).printSettings(known, options, values, io);
}

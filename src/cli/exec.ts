import { constants } from "node:os";
import { ignoreFailure } from "../errors/expected-errors.js";
import type { TokenManager } from "../index.js";
import { quoted } from "../lib/printable.js";
import { defineCommand } from "./define-command.js";
import { childEnvironment, secretVariables } from "./exec/child-environment.js";
import { type AttachedEnd, runAttached } from "./exec/run-attached.js";
import type { CommandIo } from "./io.js";
import { maskSecrets } from "./mask-secrets.js";
import { UsageError } from "./options.js";
import { withRuntime } from "./with-runtime.js";

/** `exec SERVER -- COMMAND`: runs a command with the access token in its environment. */
export const exec = defineCommand({
  args: [{ name: "SERVER", is: "server" }],
  passes: "COMMAND [ARG…]",
  description: `
    Runs COMMAND with the access token for SERVER in its environment, and ends as it ends. The command has the terminal,
    stdin, stdout and stderr for itself, and nothing is printed unless the command cannot be started.

    The command does not inherit the variables that the config reads secrets from, or those of --env-file. It keeps the
    same token for as long as it runs.`,
  options: {
    env: {
      type: "string",
      value: "NAME",
      help: "the variable that has the token (default: MCP_AUTH_TOKEN)",
    },
  },
  notes: `
    Exit code: that of the command; 127 if it is not found, 126 if it cannot be started. If there is no token, the
    command is not started, and the exit code is 2, 3 or 4 with an error on stderr.`,
  examples: [
    ["exec crm -- node report.mjs", "run a script that reads MCP_AUTH_TOKEN"],
    ["exec crm --env CRM_TOKEN -- python3 agent.py", "a program that reads another variable"],
  ],
  async run({ values, args: [server = ""], rest }, io) {
    const { env: variable = "MCP_AUTH_TOKEN" } = values;
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(variable)) {
      throw new UsageError(
        "--env needs the name of a variable: letters, digits and _, and no digit at the beginning. " +
          "--env-file names a file of variables.",
      );
    }
    const [file, ...fileArgs] = rest;
    if (file === undefined || file === "") {
      throw new UsageError(
        "Name the command to run after --: npx mcp-auth-runtime exec crm -- node report.mjs",
      );
    }
    // The runtime is stopped before the command starts, so that nothing of it runs beside the command.
    const env = await withRuntime(io, values, async (auth) => {
      const accessToken = await io.waitFor(
        `Requesting a token for ${server}`,
        longLived(auth.resolve(server), io.signal),
      );
      maskSecrets(io, [accessToken]);
      return childEnvironment(io.env, await secretVariables(auth), { variable, accessToken });
    });
    // What the runner of GitHub Actions must hide has to arrive before the command can print it.
    await io.flushed?.();
    if (io.signal.aborted) throw new Error("interrupted");
    io.stopByItself();
    return endAs(await runAttached([file, ...fileArgs], env), file, io);
  },
});

/** Returns a usable token. One that is due for renewal is renewed first, because the command keeps what it gets. */
export async function longLived(manager: TokenManager, signal: AbortSignal): Promise<string> {
  // Fails for a token that is bound to a key or certificate.
  const token = await manager.getAccessToken({ signal });
  if (manager.status().state !== "stale") return token;
  return (await manager.getAccessToken({ forceRefresh: true, signal }).catch(ignoreFailure)) ?? token;
}

/** The other signals may write the memory of this process to a file, and it has secrets in it. */
const endsWithoutDump: ReadonlySet<string> = new Set(["SIGHUP", "SIGINT", "SIGKILL", "SIGTERM"]);

/** Returns the exit code, and has this process end by the signal that ended the command. */
function endAs(end: AttachedEnd, file: string, io: CommandIo): number {
  switch (end.kind) {
    case "exited":
      return end.code;
    case "killed":
      if (endsWithoutDump.has(end.signal)) io.endBy?.(end.signal);
      return 128 + constants.signals[end.signal];
    case "not started":
      io.print.failure("error", `The command ${quoted(file)} could not be started. ${end.problem}.`);
      return end.code;
  }
}

import "../lib/check-node.js";
import { McpAuthError } from "../errors/error.js";
import { nameAndPlace } from "../errors/expected-errors.js";
import { onAbort } from "../lib/abort-signal.js";
import { markCommandProcess } from "../lib/command-process.js";
import { markDetailsPrinted } from "../lib/details-place.js";
import { printable, quoted } from "../lib/printable.js";
import { version } from "../lib/version.js";
import { workingFolder } from "../lib/working-folder.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import type { Command, CommandIo, ProcessIo } from "./io.js";
import { UsageError } from "./options.js";
import { output } from "./output.js";
import { createPrinter } from "./print.js";

const commands: Readonly<Record<string, () => Promise<Command>>> = {
  validate: async () => (await import("./validate.js")).validate,
  token: async () => (await import("./token.js")).token,
  headers: async () => (await import("./headers.js")).headers,
  proxy: async () => (await import("./proxy.js")).proxy,
  status: async () => (await import("./status.js")).status,
  revoke: async () => (await import("./revoke.js")).revoke,
  store: async () => (await import("./store.js")).store,
};

const help = `mcp-auth-runtime ${version}: machine-to-machine authorization for MCP

Usage: npx mcp-auth-runtime COMMAND [OPTIONS]

Commands
  validate               check the config, and list all mistakes at once
  token SERVER           print the access token for a server of the config
  headers [SERVER]       print the headers of a request to it as JSON, always with a new token
  proxy [SERVER…]        serve the servers at local URLs, for hosts that accept only a URL
  proxy --print HOST     print the settings of a host for that
  proxy --stdio SERVER   serve one server on stdin and stdout, for hosts that only start a command
  status                 show the state of the servers of the running proxy
  revoke SERVER          revoke its stored tokens (RFC 7009), and delete them
  store clear [SERVER]   delete what is stored, for one server or for all

Options of every command
  --config FILE          use this config instead of searching for one
  --env-file FILE        read variables from a file; those already set win
  -h, --help             show how to use a command
  --version              show the version

Exit codes: 0 done, 1 internal error, 2 usage or config, 3 refused by a server, 4 unreachable, 130 interrupted
`;

/** Runs one command line and returns the exit code. It never ends the process. */
export async function run(argv: readonly string[], processIo: ProcessIo): Promise<number> {
  const { cwd, env, signal, stdio, abandon } = processIo;
  const print = createPrinter(processIo);
  let stopsByItself = false;
  const stopByItself = (): void => {
    stopsByItself = true;
  };
  const io: CommandIo = {
    cwd,
    env,
    signal,
    print,
    stopByItself,
    ...(stdio && { stdio }),
    ...(abandon && { abandon }),
  };
  const [name, ...args] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    print.result(help);
    return name === undefined ? exitCodes.usage : exitCodes.done;
  }
  if (name === "--version") {
    print.result(version);
    return exitCodes.done;
  }
  try {
    const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (load === undefined)
      throw new UsageError(`There is no command ${quoted(name)}. See npx mcp-auth-runtime --help`);
    const command = load().then((run) => run(args, io));
    // An interrupt ends the wait at once, even if a file system hangs.
    return await Promise.race([command, untilInterrupted(signal, () => stopsByItself)]);
  } catch (error) {
    return report(error, io);
  }
}

/** Rejects when the signal is aborted, unless the command stops by itself then. */
function untilInterrupted(signal: AbortSignal, stopsByItself: () => boolean): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => {
      if (!stopsByItself()) reject(new Error("interrupted"));
    });
  });
}

function report(error: unknown, { signal, print }: CommandIo): number {
  if (signal.aborted) return exitCodes.interrupted;
  if (error instanceof McpAuthError) {
    print.failure(`error[${error.code}]`, error.message);
    for (const line of detailLines(error)) print.note(line);
    return exitCodeOf(error.code);
  }
  if (error instanceof UsageError) {
    print.failure("error", error.message);
    return exitCodes.usage;
  }
  print.failure("internal error", error instanceof Error ? nameAndPlace(error) : typeof error);
  return exitCodes.internal;
}

/**
 * Returns what servers said about a failure, one line per value. Their text is escaped, so that it cannot move the
 * cursor.
 */
export function detailLines({ details = {} }: McpAuthError): readonly string[] {
  return Object.entries(details).map(([name, value]) => {
    const text = typeof value === "string" ? value : value.join(", ");
    return `  ${name}: ${printable(text)}`;
  });
}

/**
 * Runs the command line of this process. It sets the exit code and lets the process end by itself, so that pending
 * output is written. Only an interrupt, or a command that abandons its work, ends the process.
 */
export async function main(): Promise<void> {
  markCommandProcess();
  const args = process.argv.slice(2);
  // Hosts, and not this terminal, show the errors of the proxy.
  if (args[0] !== "proxy") markDetailsPrinted();
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const { env } = process;
  const [stdout, stderr] = [output(process.stdout), output(process.stderr)];
  let abandoned = false;
  const code = await run(args, {
    cwd: workingFolder(),
    env,
    out: stdout.write,
    err: stderr.write,
    color: process.stderr.isTTY === true && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    signal: interrupt.signal,
    abandon: () => {
      abandoned = true;
    },
  });
  process.removeListener("SIGINT", onSignal);
  process.removeListener("SIGTERM", onSignal);
  process.exitCode = code;
  if (code === exitCodes.interrupted) process.exit();
  const failure = await stdout.failure();
  // EPIPE: the reader, such as `head`, has read all that it wanted. A failure of stderr changes nothing.
  if (failure !== undefined && failure !== "EPIPE") {
    stderr.write(`error: The result cannot be written to stdout (${printable(failure)}).\n`);
    if (code === exitCodes.done) process.exitCode = exitCodes.internal;
  }
  if (abandoned) process.exit();
}

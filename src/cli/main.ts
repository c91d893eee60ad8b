import "../lib/check-node.js";
import { McpAuthError } from "../errors/error.js";
import { nameAndPlace } from "../errors/expected-errors.js";
import { onAbort } from "../lib/abort-signal.js";
import { markCommandProcess } from "../lib/command-process.js";
import { markDetailsPrinted } from "../lib/details-place.js";
import { printable } from "../lib/printable.js";
import { version } from "../lib/version.js";
import { workingFolder } from "../lib/working-folder.js";
import { commands } from "./commands.js";
import type { Command } from "./define-command.js";
import { detailLines } from "./detail-lines.js";
import { exitCodeOf, exitCodes } from "./exit-code.js";
import { findCommand } from "./find-command.js";
import { type CommandIo, Interrupted, type ProcessIo } from "./io.js";
import { UsageError } from "./options.js";
import { output } from "./output.js";
import { parseArguments } from "./parse-arguments.js";
import { createPrinter } from "./print.js";
import { askOnTerminal, showOnTerminal } from "./terminal.js";
import { waiter } from "./wait-for.js";

/** Runs one command line and returns the exit code. It never ends the process. */
export async function run(argv: readonly string[], processIo: ProcessIo): Promise<number> {
  const { cwd, env, signal, stdio, abandon, flushed, endBy, ask } = processIo;
  const print = createPrinter(processIo);
  let stopsByItself = false;
  const stopByItself = (): void => {
    stopsByItself = true;
  };
  const io: CommandIo = {
    ...{ cwd, env, signal, print, stopByItself },
    waitFor: waiter(processIo),
    ...(stdio && { stdio }),
    ...(abandon && { abandon }),
    ...(flushed && { flushed }),
    ...(endBy && { endBy }),
    ...(ask && { ask }),
  };
  try {
    const command = runCommand(argv, io, processIo.onCommand);
    // An interrupt ends the wait at once, even if a file system hangs.
    return await Promise.race([command, untilInterrupted(signal, () => stopsByItself)]);
  } catch (error) {
    return await report(error, io, wantsJson(argv));
  }
}

async function runCommand(
  argv: readonly string[],
  io: CommandIo,
  onCommand: ProcessIo["onCommand"],
): Promise<number> {
  // What the scripts of `completion` call. It is in no list.
  if (argv[0] === "complete" && argv[1] === "--") {
    return await (await import("./completion/complete.js")).complete(argv.slice(2), io);
  }
  const request = await findCommand(argv);
  if (request.kind === "version") {
    io.print.result(version);
    return exitCodes.done;
  }
  if (request.kind === "command") {
    const { name, args } = request;
    onCommand?.(name);
    const command = await load(name);
    return await command.run(parseArguments(name, command, args), io);
  }
  const { commandHelp, overview } = await import("./help.js");
  const name = request.kind === "help" ? request.name : undefined;
  const isCommand = name !== undefined && commands.has(name);
  io.print.result(isCommand ? commandHelp(name, await load(name)) : await overview(name));
  return request.kind === "help" ? exitCodes.done : exitCodes.usage;
}

async function load(name: string): Promise<Command> {
  const command = await commands.get(name)?.load();
  if (command === undefined) throw new Error(`There is no command ${name}`);
  return command;
}

/** Whether a script reads the result, so that an error is JSON too. */
function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).includes("--json");
}

/** Rejects when the signal is aborted, unless the command stops by itself then. */
function untilInterrupted(signal: AbortSignal, stopsByItself: () => boolean): Promise<never> {
  return new Promise((_, reject) => {
    onAbort(signal, () => {
      if (!stopsByItself()) reject(new Error("interrupted"));
    });
  });
}

/** Prints an error on stderr, and with `--json` on stdout too. Returns the exit code. */
async function report(error: unknown, { cwd, signal, print }: CommandIo, asJson: boolean): Promise<number> {
  if (signal.aborted || error instanceof Interrupted) return exitCodes.interrupted;
  const printJson = (fields: Readonly<Record<string, unknown>>): void => {
    if (asJson) print.json({ error: fields }, 2);
  };
  if (error instanceof McpAuthError) {
    const { violationsText } = await import("./violations.js");
    print.failure(`error[${error.code}]`, violationsText(error, cwd));
    for (const line of detailLines(error.details)) print.note(`  ${line}`);
    printJson({ ...error.toJSON(), ...(error.details && { details: error.details }) });
    return exitCodeOf(error.code);
  }
  if (error instanceof UsageError) {
    print.failure("error", error.message);
    printJson({ code: "usage", message: error.message });
    return exitCodes.usage;
  }
  print.failure("internal error", error instanceof Error ? nameAndPlace(error) : typeof error);
  printJson({ code: "internal" });
  return exitCodes.internal;
}

/**
 * Runs the command line of this process. It sets the exit code and lets the process end by itself, so that pending
 * output is written. Only an interrupt, a signal that ended the command of `exec`, or a command that abandons its work
 * ends the process.
 */
export async function main(): Promise<void> {
  markCommandProcess();
  const args = process.argv.slice(2);
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  const { env } = process;
  const [stdout, stderr] = [output(process.stdout), output(process.stderr)];
  let abandoned = false;
  let lastSignal: NodeJS.Signals | undefined;
  const colors = (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb";
  const isTerminal = process.stderr.isTTY === true && env["TERM"] !== "dumb" && (env["CI"] ?? "") === "";
  const code = await run(args, {
    cwd: workingFolder(),
    env,
    out: stdout.write,
    err: stderr.write,
    color: colors && process.stderr.isTTY === true,
    outColor: colors && process.stdout.isTTY === true,
    signal: interrupt.signal,
    ...(isTerminal && { showProgress: showOnTerminal }),
    ...(isTerminal && process.stdin.isTTY === true && { ask: askOnTerminal(interrupt.signal) }),
    onCommand: (name) => {
      // Hosts, and not this terminal, show the errors of the proxy.
      if (name !== "proxy") markDetailsPrinted();
    },
    abandon: () => {
      abandoned = true;
    },
    flushed: async () => {
      await Promise.all([stdout.failure(), stderr.failure()]);
    },
    endBy: (signal) => {
      lastSignal = signal;
    },
  });
  process.removeListener("SIGINT", onSignal);
  process.removeListener("SIGTERM", onSignal);
  process.exitCode = code;
  // If the signal is ignored, the process ends with the exit code instead.
  if (lastSignal !== undefined) process.kill(process.pid, lastSignal);
  if (code === exitCodes.interrupted) process.exit();
  const failure = await stdout.failure();
  // EPIPE: the reader, such as `head`, has read all that it wanted. A failure of stderr changes nothing.
  if (failure !== undefined && failure !== "EPIPE") {
    stderr.write(`error: The result cannot be written to stdout (${printable(failure)}).\n`);
    if (code === exitCodes.done) process.exitCode = exitCodes.internal;
  }
  if (abandoned) process.exit();
}

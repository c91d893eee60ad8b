import { type ChildProcess, spawn } from "node:child_process";
import { win32 } from "node:path";
import { errorCode, ignoreSystemError, isProgrammingError } from "../errors/expected-errors.js";
import { onAbort } from "./abort-signal.js";
import { type Clock, systemClock } from "./clock.js";

export interface ProcessOptions {
  /** Command and arguments. They are not passed to a shell. */
  readonly command: readonly string[];
  /** An absolute path. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The input on stdin. Without it, stdin is closed. */
  readonly input?: string | Uint8Array;
  /** Milliseconds. */
  readonly timeout: number;
  /** Measures `timeout`; the system clock by default. */
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
  /** How many bytes the command may print on stdout; 1 MiB by default. */
  readonly maxBytes?: number;
}

export type ProcessOutcome =
  | { readonly kind: "done"; readonly code: 0; readonly stdout: Buffer }
  /** `problem` is a short sentence of ours, without any output of the process. `retryable`: another run may succeed. */
  | { readonly kind: "failed"; readonly problem: string; readonly retryable: boolean }
  | { readonly kind: "aborted" };

const defaultMaxBytes = 1_048_576;

/**
 * Runs a command and returns its output on stdout. Its output on stderr is discarded, because it may contain the secret
 * that the command prints. On timeout, on abort, and when this process exits first, the command is killed with all
 * processes that it has started. Rejects only after a mistake in our code.
 */
export async function runProcess(options: ProcessOptions): Promise<ProcessOutcome> {
  if (options.signal?.aborted) return { kind: "aborted" };
  const [file, ...args] = options.command;
  if (file === undefined || file === "") return failed("it names no command.");
  const { cwd, env } = options;
  let child: ChildProcess;
  try {
    // The child leads a new process group, so that the processes that it starts can be killed with it.
    const detached = process.platform !== "win32";
    const stdio: ["pipe" | "ignore", "pipe", "ignore"] = [
      options.input === undefined ? "ignore" : "pipe",
      "pipe",
      "ignore",
    ];
    child = spawn(file, args, {
      ...{ cwd, stdio, detached, shell: false, windowsHide: true },
      env: withoutRegister(env),
    });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // For example, a null byte in an argument, or an environment that is too large.
    return failed(startProblem(error));
  }
  return await waitForEnd(child, options);
}

/**
 * Turns `register` off in a Node.js command that inherits it from this process. Otherwise the command would wait for
 * the secret that it is asked to print.
 */
function withoutRegister(env: ProcessOptions["env"]): NodeJS.ProcessEnv {
  return { ...env, ...(env["MCP_AUTH_REGISTER_FOLDER"] !== undefined && { MCP_AUTH_REGISTER: "off" }) };
}

function waitForEnd(child: ChildProcess, options: ProcessOptions): Promise<ProcessOutcome> {
  const { timeout, signal, input, clock = systemClock, maxBytes = defaultMaxBytes } = options;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let hasExited = false;
    const settle = (outcome: ProcessOutcome): void => {
      timer.cancel();
      stopListening();
      forget(child);
      // A command that cannot be killed, because it runs as another user, must not keep this process alive.
      child.stdin?.destroy();
      child.stdout?.destroy();
      child.unref();
      resolve(outcome);
    };
    const end = (outcome: ProcessOutcome): void => {
      kill(child);
      settle(outcome);
    };
    const onTimeout = (): void => {
      const late = hasExited
        ? `it ended, but something that it started still held its output after ${timeout} ms.`
        : `it did not end within ${timeout} ms.`;
      end(failed(late, true));
    };
    const timer = clock.setTimeout(onTimeout, timeout);
    timer.unref();
    const stopListening = onAbort(signal, () => end({ kind: "aborted" }));
    killOnExit(child);
    child.stdout?.on("data", (chunk: Buffer) => {
      size += chunk.byteLength;
      if (size > maxBytes) end(failed(`it printed more than ${maxBytes} bytes.`));
      else chunks.push(chunk);
    });
    child.stdout?.on("error", ignore);
    child.on("error", (error) => settle(failed(startProblem(error))));
    child.on("exit", () => {
      hasExited = true;
    });
    // Not on `exit`, because the output may not have arrived completely by then.
    child.on("close", (code, killedBy) => {
      if (code === 0) settle({ kind: "done", code, stdout: Buffer.concat(chunks) });
      else
        settle(failed(code === null ? `it was ended by ${killedBy}.` : `it ended with exit code ${code}.`));
    });
    // A command may exit without reading its input.
    child.stdin?.on("error", ignore);
    child.stdin?.end(input);
  });
}

/** Commands in progress. Ctrl+C in a terminal does not reach them, because they have their own process groups. */
const running = new Set<ChildProcess>();

function killOnExit(child: ChildProcess): void {
  if (running.size === 0) process.on("exit", killAll);
  running.add(child);
}

function forget(child: ChildProcess): void {
  if (running.delete(child) && running.size === 0) process.off("exit", killAll);
}

function killAll(): void {
  for (const child of running) kill(child);
}

function kill(child: ChildProcess): void {
  if (child.pid === undefined) return;
  if (process.platform === "win32") {
    // By its full path: Windows looks for a bare name in the working directory first.
    const taskkill = win32.join(process.env["SystemRoot"] ?? "C:\\Windows", "System32", "taskkill.exe");
    const killer = spawn(taskkill, ["/pid", String(child.pid), "/T", "/F"], {
      stdio: "ignore",
      windowsHide: true,
    });
    killer.on("error", () => child.kill("SIGKILL"));
    killer.unref();
    return;
  }
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch (error) {
    // It has ended already (ESRCH), or runs as another user (EPERM).
    ignoreSystemError(error);
  }
}

function failed(problem: string, retryable = false): ProcessOutcome {
  return { kind: "failed", problem, retryable };
}

const startProblems: ReadonlyMap<string, string> = new Map([
  ["EACCES", "this process may not run the command."],
  ["ENOEXEC", "it is not a program. A script needs a first line with #!."],
  ["EINVAL", "it could not be started. On Windows, name the .exe: a .cmd or .bat file needs a shell."],
  ["E2BIG", "its arguments or the environment are too long."],
]);

/** Returns our own text, because the message of the error contains the command and its arguments. */
function startProblem(error: unknown): string {
  const code = errorCode(error) ?? "";
  if (code === "ENOENT") {
    const advice = process.platform === "win32" ? " A .cmd or .bat file needs a shell: use cmd /c." : "";
    return `the command was not found, or its folder does not exist.${advice}`;
  }
  const known = startProblems.get(code);
  if (known !== undefined) return known;
  return /^[A-Z0-9_]{2,40}$/.test(code) ? `it could not be started (${code}).` : "it could not be started.";
}

function ignore(): void {}

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, constants, openSync } from "node:fs";
import { errorCode, ignoreSystemError, isProgrammingError } from "../../errors/expected-errors.js";

/** How a command ended that used the terminal or the streams of this process. */
export type AttachedEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: NodeJS.Signals }
  /** The exit code is that of `env` and of shells: 127 not found, 126 found but not usable. */
  | { readonly kind: "not started"; readonly code: 126 | 127; readonly problem: string };

/**
 * The signals that only this process may have received. A terminal sends SIGINT, SIGQUIT and SIGHUP to all processes in
 * its foreground.
 */
const sentToOne = ["SIGTERM", "SIGUSR1", "SIGUSR2"] as const;
const sentByTerminal = ["SIGINT", "SIGQUIT", "SIGHUP"] as const;

/**
 * Runs a command, without a shell, with the stdin, stdout and stderr of this process, and waits for its end. Signals are
 * passed on to it: SIGTERM, SIGUSR1 and SIGUSR2 always; SIGINT, SIGQUIT and SIGHUP unless a terminal sends them to the
 * command too. Until the command has ended, none of them ends this process.
 */
export function runAttached(
  [file, ...args]: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
): Promise<AttachedEnd> {
  return new Promise((resolve, reject) => {
    let child: ChildProcess | undefined;
    const passOn = (signal: NodeJS.Signals): void => {
      child?.kill(signal);
    };
    const leaveToTerminal = (): void => {};
    const listeners = new Map<NodeJS.Signals, (signal: NodeJS.Signals) => void>([
      ...sentToOne.map((signal) => [signal, passOn] as const),
      // A command that ends at the second SIGINT would not survive the first one if it arrived twice.
      ...sentByTerminal.map((signal) => [signal, hasTerminal() ? leaveToTerminal : passOn] as const),
    ]);
    const stopListening = (): void => {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    };
    const end = (how: AttachedEnd): void => {
      stopListening();
      resolve(how);
    };
    for (const [signal, listener] of listeners) process.on(signal, listener);
    try {
      child = spawn(file, args, { stdio: "inherit", env: { ...env }, shell: false });
    } catch (error) {
      stopListening();
      // For example, an environment that is too large.
      if (isProgrammingError(error)) reject(error);
      else resolve(notStarted(error));
      return;
    }
    child.on("error", (error) => {
      // After the start, it is a signal that could not be sent, because the command runs as another user.
      if (child?.pid === undefined) end(notStarted(error));
    });
    child.on("exit", (code, signal) => {
      end(signal === null ? { kind: "exited", code: code ?? 1 } : { kind: "killed", signal });
    });
  });
}

/** Whether this process has a terminal that sends signals to it, even if no stream is connected with it. */
function hasTerminal(): boolean {
  // A console of Windows sends Ctrl+C and its end to all processes.
  if (process.platform === "win32") return true;
  try {
    closeSync(openSync("/dev/tty", constants.O_RDONLY | constants.O_NOCTTY));
    return true;
  } catch (error) {
    ignoreSystemError(error);
    return false;
  }
}

/** Windows finds `npm.cmd` for `npm` only in a shell. */
function ofScripts(): string {
  return process.platform === "win32" ? ". For a .cmd or .bat file, such as npm, use cmd /c" : "";
}

/** The text of the system's error is not used, because it contains the arguments. */
function notStarted(error: unknown): AttachedEnd {
  const code = errorCode(error) ?? "unknown reason";
  const unusable = (problem: string) => ({ kind: "not started", code: 126, problem }) as const;
  switch (code) {
    case "ENOENT":
      return {
        kind: "not started",
        code: 127,
        problem: `It was not found. Check its name and PATH${ofScripts()}`,
      };
    case "EACCES":
      return unusable("It is a folder, or this user may not run it. Check its permissions");
    case "ENOEXEC":
      return unusable("It is not a program. A script needs a first line with #!");
    case "EINVAL":
      return unusable("On Windows, name the .exe: a .cmd or .bat file needs a shell");
    case "E2BIG":
      return unusable("Its arguments or the environment are too long");
    default:
      return unusable(`The system reports ${/^[A-Z0-9_]{2,40}$/.test(code) ? code : "no reason"}`);
  }
}

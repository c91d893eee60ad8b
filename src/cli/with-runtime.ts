import { asyncFileSystem } from "../config/async-file-system.js";
import { readNamedConfig } from "../config/find-config.js";
import { createMcpAuth, type Logger, type McpAuth } from "../index.js";
import { printable } from "../lib/printable.js";
import type { CommonValues } from "./define-command.js";
import type { CommandIo } from "./io.js";
import { loadOptions } from "./options.js";

/**
 * Runs a command with a runtime of the config that its options name, and stops the runtime afterwards. Returns what the
 * command returns, mostly its exit code.
 */
export async function withRuntime<T = number>(
  io: CommandIo,
  values: CommonValues,
  work: (auth: McpAuth) => Promise<T>,
  /** Ends the command early. */
  signal = io.signal,
): Promise<T> {
  // The file of dist with all that a stored token needs is loaded while the config is read. If that fails, so does the
  // import where it is needed.
  import("../keys/store-secret.js").catch(() => {});
  const { cwd, env, cliPath: config } = await loadOptions({ ...io, signal }, values);
  // Checks the file here, because the error of `createMcpAuth` for a missing file would name the option `config`.
  if (config !== undefined)
    await readNamedConfig(config, { cwd, fs: asyncFileSystem, origin: "--config names" });
  const logger = configWarnings(io);
  const auth = await createMcpAuth({ cwd, env, logger, ...(config !== undefined && { config }) });
  printWarnings(auth, io);
  try {
    return await work(auth);
  } finally {
    const stopped = auth.stop();
    // Does not wait for pending work after an interrupt.
    if (signal.aborted) io.abandon?.();
    else await stopped;
  }
}

/** Prints warnings about the config. Events are logged too, but each command reports them in its own way. */
function configWarnings({ print }: CommandIo): Logger {
  const ignore = (): void => {};
  return {
    ...{ debug: ignore, info: ignore, error: ignore },
    warn(fields, message) {
      if (!("event" in fields)) print.note(`warning: ${printable(message)}`);
    },
  };
}

/**
 * Prints a warning about a store that cannot be used, because the command then requests a new token, and about a wrong
 * clock.
 */
function printWarnings(auth: McpAuth, { print }: CommandIo): void {
  const printed = new Set<string>();
  const warn = (text: string): void => {
    if (!printed.has(text)) print.note(`warning: ${text}`);
    printed.add(text);
  };
  auth.on("store:down", ({ message = "The store of the config cannot be used." }) => {
    warn(`${message} Access tokens are requested without it.`);
  });
  auth.on("token:warning", ({ server, code, message }) => {
    const isAboutServer = code === "clock_skew" || code === "insufficient_scope";
    if (isAboutServer && message !== undefined) warn(message);
    if (code !== "store_unavailable") return;
    warn(`What is stored for "${server}" cannot be read and is not used. A new token is requested.`);
  });
}

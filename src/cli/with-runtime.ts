import { asyncFileSystem } from "../config/async-file-system.js";
import { readNamedConfig } from "../config/find-config.js";
import { createMcpAuth, type Logger, type McpAuth } from "../index.js";
import { printable } from "../lib/printable.js";
import type { CommandIo } from "./io.js";
import { environment, startingFolder } from "./options.js";

interface Wanted {
  readonly config?: string | undefined;
  readonly "env-file"?: string[] | undefined;
}

/** Runs a command with the runtime of the config that its options name, which is stopped in the end. */
export async function withRuntime(
  io: CommandIo,
  { config, "env-file": envFiles }: Wanted,
  work: (auth: McpAuth) => Promise<number>,
  /** Aborted when nobody waits any more. */
  signal = io.signal,
): Promise<number> {
  const env = await environment({ cwd: io.cwd, env: io.env, signal }, envFiles);
  const cwd = startingFolder(io.cwd, config, env);
  // By itself the runtime would say that code had named the file.
  if (config !== undefined)
    await readNamedConfig(config, { cwd, fs: asyncFileSystem, origin: "--config names" });
  const logger = configWarnings(io);
  const auth = await createMcpAuth({ cwd, env, logger, ...(config !== undefined && { config }) });
  printWarnings(auth, io);
  try {
    return await work(auth);
  } finally {
    const stopped = auth.stop();
    // Whoever interrupts does not want to wait for what is under way.
    if (signal.aborted) io.abandon?.();
    else await stopped;
  }
}

/** Prints what is to be known of the config. Events are logged too, and are the business of the commands. */
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
 * A command that does without the store is as good as before, once. Someone who runs it again and again wants to know, and
 * so does someone whose clock is wrong.
 */
function printWarnings(auth: McpAuth, { print }: CommandIo): void {
  const said = new Set<string>();
  const warn = (text: string): void => {
    if (!said.has(text)) print.note(`warning: ${text}`);
    said.add(text);
  };
  auth.on("store:down", ({ message = "The store of the config cannot be used." }) => {
    warn(`${message} Access tokens are requested without it.`);
  });
  auth.on("token:warning", ({ server, code, message }) => {
    if (code === "clock_skew" && message !== undefined) warn(message);
    if (code !== "store_unavailable") return;
    warn(`what is stored for "${server}" cannot be read and is not used; a new token is asked for`);
  });
}

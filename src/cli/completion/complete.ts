import { isObject, property } from "../../config/json.js";
import { commands } from "../commands.js";
import { exitCodes } from "../exit-code.js";
import type { CommandIo } from "../io.js";
import { startingFolder } from "../options.js";
import { findCandidates } from "./candidates.js";

/** The line that has the shell complete names of files. It is no candidate, because those never begin with a colon. */
export const filesLine = ":files";

/**
 * The command that the scripts of `completion` call: prints a candidate per line, with a space before what it does. It
 * reads the config and nothing that the config names. After any error it prints nothing, because a message would appear
 * in the middle of what the person types.
 */
export async function complete(words: readonly string[], io: CommandIo): Promise<number> {
  try {
    const found = await findCandidates(words, { commands, servers: (config) => serverNames(config, io) });
    const lines =
      found === "files"
        ? [filesLine]
        : found.map(({ word, does }) => (does === undefined ? word : `${word} ${does}`));
    if (lines.length > 0) io.print.result(lines.join("\n"));
    return exitCodes.done;
  } catch {
    return exitCodes.internal;
  }
}

/** Returns the names of the servers in a config, even if it has mistakes or variables are unset. */
async function serverNames(
  config: string | undefined,
  { cwd, env }: Pick<CommandIo, "cwd" | "env">,
): Promise<readonly string[]> {
  const { checkConfig } = await import("../../config/load.js");
  const { document } = await checkConfig({ cwd: startingFolder(cwd, config, env), env, cliPath: config });
  const servers = property(document?.value, "servers");
  return isObject(servers) ? Object.keys(servers) : [];
}

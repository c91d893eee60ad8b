import { dirname } from "node:path";
import { loadConfig } from "../../config/load.js";
import type { ConfigSpec } from "../../config/spec.js";
import { printable } from "../../lib/printable.js";
import type { CommonValues } from "../define-command.js";
import type { CommandIo } from "../io.js";
import { loadOptions } from "../options.js";

/** A config, and what its keys are read with. */
export interface Sources extends Pick<CommandIo, "env" | "signal"> {
  readonly config: ConfigSpec;
  /** The folder of the config. */
  readonly folder: string;
  /** The folder that paths of the command line are relative to. */
  readonly cwd: string;
}

/** Loads the config that the options name, and prints its warnings. */
export async function readSources(values: CommonValues, io: CommandIo): Promise<Sources> {
  const options = await loadOptions(io, values);
  const { cwd, env } = options;
  const config = await loadConfig(options);
  for (const warning of config.warnings ?? []) io.print.note(`warning: ${printable(warning)}`);
  const folder = config.file === undefined ? cwd : dirname(config.file);
  return { config, folder, cwd, env, signal: io.signal };
}

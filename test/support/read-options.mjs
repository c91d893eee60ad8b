// Reads the options of a script that a person calls.
import { parseArgs } from "node:util";

/**
 * Returns what `parseArgs` reads, and the function `refuse` for any other mistake in the options. It prints the usage
 * and ends the script, as a mistake that `parseArgs` finds does.
 *
 * @template {import("node:util").ParseArgsConfig} Config
 * @param {string} usage
 * @param {Config} config
 */
export function readOptions(usage, config) {
  const refuse = () => {
    console.error(`Usage: ${usage}`);
    return process.exit(2);
  };
  try {
    return { ...parseArgs(config), refuse };
  } catch {
    return refuse();
  }
}

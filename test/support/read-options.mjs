// The options of a script, for people who type them.
import { parseArgs } from "node:util";

/**
 * What `parseArgs` reads, and `refuse` for what is wrong beyond that: shows how the script is called, and ends it.
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

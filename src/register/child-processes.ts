/** Where a parent process found its config. */
const folderVariable = "MCP_AUTH_REGISTER_FOLDER";

/** What users write. */
const flag = "--import";
const specifier = "mcp-auth-runtime/register";

/** The folder in which a parent process looked for the config; `undefined` without one. */
export function inheritedFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env[folderVariable] || undefined;
}

/**
 * Lets programs that this process starts find this module and the config wherever they run: Node resolves the module of
 * `--import` from the working directory, and ends the process where it is not found. Changes what they inherit.
 *
 * @param entry the URL of the module
 * @param folder where the search for the config began
 */
export function passOn(
  entry: string,
  folder: string,
  { env, execArgv }: Pick<NodeJS.Process, "env" | "execArgv">,
): void {
  const { NODE_OPTIONS: options } = env;
  // Node splits it at spaces, and takes double quotes around an option. There are neither in a URL.
  const named = new RegExp(`(${flag}"?(?:=|\\s+)"?)${specifier}(?="?(?:\\s|$))`, "g");
  if (options !== undefined) {
    const changed = options.replaceAll(named, (_match, before: string) => before + entry);
    if (changed !== options) env["NODE_OPTIONS"] = changed;
  }
  for (const [index, argument] of execArgv.entries()) {
    if (argument === specifier && execArgv[index - 1] === flag) execArgv[index] = entry;
    else if (argument === `${flag}=${specifier}`) execArgv[index] = `${flag}=${entry}`;
  }
  env[folderVariable] = folder;
}

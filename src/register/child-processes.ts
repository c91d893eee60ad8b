/** The variable in which a parent process passes on the folder of its config search. */
const folderVariable = "MCP_AUTH_REGISTER_FOLDER";

/** The flag and the module as users write them. */
const flag = "--import";
const specifier = "mcp-auth-runtime/register";

/** Returns the folder in which a parent process searched for the config, if there was one. */
export function inheritedFolder(env: Readonly<Record<string, string | undefined>>): string | undefined {
  return env[folderVariable] || undefined;
}

/**
 * Lets child processes find this module and the config in any working directory. Node resolves the module of `--import`
 * from the working directory, and ends the process if it is not found. Changes the variables and options that child
 * processes inherit.
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
  // Node splits the value at spaces and accepts double quotes around an option. A URL contains neither.
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

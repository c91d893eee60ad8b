import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const name = "mcp-auth-runtime";

interface StateFolderOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
}

/**
 * Returns the folder in which programs of this user keep their state between runs, by the convention of the platform.
 */
export function stateFolder({
  env,
  platform = process.platform,
  home = homedir(),
}: StateFolderOptions): string {
  if (platform === "darwin") return join(home, "Library", "Application Support", name);
  if (platform === "win32")
    return join(nonEmpty(env["LOCALAPPDATA"]) ?? join(home, "AppData", "Local"), name);
  const configured = nonEmpty(env["XDG_STATE_HOME"]);
  // By the XDG Base Directory Specification, a relative path is ignored.
  return join(
    configured !== undefined && isAbsolute(configured) ? configured : join(home, ".local", "state"),
    name,
  );
}

/** Returns the variable that decides where the state folder is. */
export function stateVariable(platform = process.platform): string {
  if (platform === "darwin") return "HOME";
  return platform === "win32" ? "LOCALAPPDATA" : "XDG_STATE_HOME";
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

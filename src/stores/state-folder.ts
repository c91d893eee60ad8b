import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";

const name = "mcp-auth-runtime";

interface Where {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform;
  readonly home?: string;
}

/** The folder in which a program of this user keeps what it knows between two runs, by the custom of the platform. */
export function stateFolder({ env, platform = process.platform, home = homedir() }: Where): string {
  if (platform === "darwin") return join(home, "Library", "Application Support", name);
  if (platform === "win32") return join(set(env["LOCALAPPDATA"]) ?? join(home, "AppData", "Local"), name);
  const named = set(env["XDG_STATE_HOME"]);
  // The XDG Base Directory Specification: a relative path is to be ignored.
  return join(named !== undefined && isAbsolute(named) ? named : join(home, ".local", "state"), name);
}

function set(value: string | undefined): string | undefined {
  return value === "" ? undefined : value;
}

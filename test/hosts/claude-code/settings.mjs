// What the ways of Claude Code and of the Claude Agent SDK have in common.
import { realpath, symlink } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";

/** No telemetry, no updates, and no other request that is not needed. */
export const claudeEnv = {
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  DISABLE_TELEMETRY: "1",
  DISABLE_ERROR_REPORTING: "1",
  DISABLE_AUTOUPDATER: "1",
  NO_UPDATE_NOTIFIER: "1",
};

/** An unattended session waits for the servers before its first turn. */
export const unattended = { MCP_CONNECTION_NONBLOCKING: "0", MCP_CONNECT_TIMEOUT_MS: "60000" };

/** Puts npx into the PATH of a host, and the shell that it needs. */
export async function addNpx({ env: { PATH } }) {
  const [bin] = PATH.split(delimiter);
  await symlink(await realpath(join(dirname(process.execPath), "npx")), join(bin, "npx"));
  await symlink("/bin/sh", join(bin, "sh"));
}

// The local proxy, as a person starts it.
import { join } from "node:path";
import { run } from "../../scripts/run.mjs";
import { hangLimit } from "../support/hang-limit.js";
import { startChild } from "./child.mjs";

/**
 * Starts `mcp-auth-runtime proxy` for the config in the working directory.
 *
 * @param {string} node
 * @param {string} packages the folder with node_modules
 * @param {import("./child.mjs").Surroundings} surroundings
 */
export async function startProxy(node, packages, { cwd, env, signal }) {
  const cli = join(packages, "node_modules/mcp-auth-runtime/dist/cli.js");
  const child = startChild(node, [cli, "proxy", "--listen", "127.0.0.1:0"], { cwd, env, signal });
  const origin = await child.until(
    () => /^http:\/\/127\.0\.0\.1:\d+$/m.exec(child.printed())?.[0],
    hangLimit,
  );
  const print = async (host) => {
    const args = [cli, "proxy", "--print", host, "--listen", new URL(origin).host];
    const { code, stdout, output } = await run(node, args, { cwd, env });
    if (code !== 0) throw new Error(`proxy --print ${host} failed: ${output}`);
    return stdout;
  };
  // The settings of this host have the local token in the URL.
  const { mcpServers } = JSON.parse(await print("cursor"));
  return { url: mcpServers.crm.url, print, printed: child.printed, stop: child.stop };
}

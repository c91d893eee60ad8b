// Runs servers.ts in a child process. It is TypeScript shared with the tests: esbuild makes one module of it, which goes to
// the child through stdin, as in the demo.
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { startChild } from "./child.mjs";

// The imports of a module from stdin are found from the working directory.
const cwd = fileURLToPath(new URL(".", import.meta.url));
let bundle;

/**
 * @typedef {object} Servers
 * @property {{ issuer: string, url: string }} addresses
 * @property {() => Promise<import("./servers.js").Counts>} counts since the start
 * @property {() => Promise<import("./servers.js").Received[]>} received every request to one of them, in order
 * @property {() => Promise<void>} revoke revokes every token at the authorization server (RFC 7009)
 * @property {() => Promise<void>} expire lets more time pass for both servers than a token lives
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} secret of the client `agent`
 * @param {AbortSignal} signal ends them
 * @returns {Promise<Servers>}
 */
export async function startServers(secret, signal) {
  bundle ??= buildSync({
    entryPoints: [fileURLToPath(new URL("servers.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    format: "esm",
    packages: "external",
    write: false,
  }).outputFiles[0].contents;
  const env = { ...process.env, AGENT_SECRET: secret };
  const child = startChild(process.execPath, ["--input-type=module", "-"], {
    cwd,
    env,
    input: bundle,
    signal,
  });
  try {
    return {
      addresses: await child.ask("addresses"),
      counts: () => child.ask("counts"),
      received: () => child.ask("received"),
      revoke: () => child.ask("revoke"),
      expire: () => child.ask("expire"),
      stop: child.stop,
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

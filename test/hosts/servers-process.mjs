// Runs servers.ts in a child process, as in the demo: esbuild bundles the TypeScript code into one module, which the
// child reads from stdin.
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import { startChild } from "./child.mjs";

// Imports of a module from stdin are resolved from the working directory.
const cwd = fileURLToPath(new URL(".", import.meta.url));
let bundle;

/**
 * @typedef {object} Servers
 * @property {{ issuer: string, url: string }} addresses
 * @property {() => Promise<import("./servers.js").Counts>} the counts since the start
 * @property {() => Promise<import("./servers.js").Received[]>} received all requests to the servers, in order
 * @property {() => Promise<void>} revoke revokes all tokens at the authorization server (RFC 7009)
 * @property {() => Promise<void>} expire moves the clocks of both servers past the lifetime of a token
 * @property {(isSlow: boolean) => Promise<void>} slow makes the token endpoint take four seconds, or not any more
 * @property {(isAway: boolean) => Promise<void>} away breaks all connections to the authorization server, or not any more
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} secret the secret of the client `agent`
 * @param {AbortSignal} signal ends the servers
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
  const env = { ...process.env, CRM_SECRET: secret };
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
      slow: (isSlow) => child.ask(isSlow ? "slow down" : "speed up"),
      away: (isAway) => child.ask(isAway ? "go away" : "come back"),
      stop: child.stop,
    };
  } catch (error) {
    await child.stop();
    throw error;
  }
}

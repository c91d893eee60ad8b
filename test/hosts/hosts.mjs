// The hosts, by the folder of their package, and the ways in which each of them is run.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram, startChild } from "./child.mjs";
import { separateTokens, sharedTokens, undiciCopy } from "./phases.mjs";

/**
 * @typedef {object} Host
 * @property {() => Promise<unknown>} connect
 * @property {(times: number) => Promise<readonly string[]>} call makes this number of concurrent calls; returns a
 * message per failure
 * @property {() => Promise<number>} [unauthorized] the number of 401s that the host received
 * @property {() => Promise<string>} [version] the version of Node that the host runs on
 * @property {() => number} processes the number of processes of the host
 * @property {() => string} printed the output of the host
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} Way
 * @property {string} [how] a suffix of the host's name
 * @property {object} [store] the `store` of the config
 * @property {(place: Place) => Promise<Host>} start
 * @property {import("./phases.mjs").Phases} phases
 */

/** @typedef {import("./child.mjs").Surroundings & { node: string, url: string }} Place */

/** @type {Way} */
const inProcess = { start: startAgent, phases: sharedTokens };

/** @type {Readonly<Record<string, readonly Way[]>>} */
export const hosts = {
  voltagent: [inProcess],
  langchain: [inProcess],
  "mcp-sdk-v1": [inProcess],
  "mcp-sdk-v2": [inProcess],
  mcporter: [
    { ...inProcess, how: "as a library" },
    { how: "as a command", start: startCommand, phases: separateTokens },
    {
      how: "as a command, with a store",
      store: { type: "file", path: "./store", encryptionKey: { env: "STORE_KEY" } },
      start: startCommand,
      phases: sharedTokens,
    },
  ],
  "mcp-remote": [{ start: startAgent, phases: undiciCopy }],
};

async function startAgent({ node, url, ...surroundings }) {
  await writeServersFile(surroundings.cwd, "config/mcporter.json", url);
  const env = { ...surroundings.env, MCP_SERVER_URL: url };
  const child = startChild(node, ["agent.mjs"], { ...surroundings, env });
  const ask = (action, parameters) => child.ask({ action, ...parameters });
  return {
    processes: () => 1,
    connect: () => ask("connect"),
    call: (times) => ask("call", { times }),
    unauthorized: () => ask("unauthorized"),
    version: () => ask("version"),
    printed: child.printed,
    async stop() {
      // Earlier errors have been reported already.
      await ask("close").catch(() => {});
      await child.stop();
    },
  };
}

/** Starts the mcporter command, one process per call. */
async function startCommand({ node, url, ...surroundings }) {
  const settings = ".mcp.json";
  await writeServersFile(surroundings.cwd, settings, url);
  let output = "";
  let processes = 0;
  const run = async (...args) => {
    processes += 1;
    const command = ["node_modules/mcporter/dist/cli.js", "--config", settings, ...args];
    const { how, printed } = await runProgram(node, command, surroundings);
    output += printed;
    return { how, printed };
  };
  const callEcho = async (text) => {
    const { how, printed } = await run("call", "echo.echo", `text=${text}`);
    return how === "0" && printed.trim() === text ? [] : [`The command ended with ${how}: ${printed}`];
  };
  return {
    processes: () => processes,
    async connect() {
      const { how, printed } = await run("list", "echo");
      if (how !== "0" || !printed.includes("function echo"))
        throw new Error(`The command ended with ${how}: ${printed}`);
    },
    call: async (times) =>
      (await Promise.all(Array.from({ length: times }, (_, index) => callEcho(`call-${index}`)))).flat(),
    printed: () => output,
    stop: async () => {},
  };
}

/** Writes a file in the format of `.mcp.json`, which mcporter's own file has too. */
async function writeServersFile(folder, name, url) {
  await mkdir(join(folder, "config"), { recursive: true });
  await writeFile(join(folder, name), JSON.stringify({ mcpServers: { echo: { type: "http", url } } }));
}

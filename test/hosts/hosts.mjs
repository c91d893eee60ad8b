// The hosts, by the folders of their packages, and the ways in which each is run.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runProgram, startChild } from "./child.mjs";
import { bridge, eachWithItsOwn, patchedFetch } from "./phases.mjs";

/**
 * @typedef {object} Host
 * @property {() => Promise<unknown>} connect
 * @property {(times: number) => Promise<readonly string[]>} call so many calls at once; a message for each that failed
 * @property {() => Promise<number>} [unauthorized] how many times the host itself got to see a 401
 * @property {() => Promise<string>} [version] of the Node that its process runs on
 * @property {() => number} processes how many it has run as
 * @property {() => string} said what it printed
 * @property {() => Promise<void>} stop
 */

/**
 * @typedef {object} Way
 * @property {string} [how] added to the name of the host
 * @property {object} [store] of the config
 * @property {(place: Place) => Promise<Host>} start
 * @property {import("./phases.mjs").Phases} phases
 */

/** @typedef {import("./child.mjs").Surroundings & { node: string, url: string }} Place */

/** @type {Way} */
const inProcess = { start: startAgent, phases: patchedFetch };

/** @type {Readonly<Record<string, readonly Way[]>>} */
export const hosts = {
  voltagent: [inProcess],
  langchain: [inProcess],
  "mcp-sdk-v1": [inProcess],
  "mcp-sdk-v2": [inProcess],
  mcporter: [
    { ...inProcess, how: "as a library" },
    { how: "as a command", start: startCommand, phases: eachWithItsOwn },
    {
      how: "as a command, with a store",
      store: { type: "file", path: "./store", encryptionKey: { env: "STORE_KEY" } },
      start: startCommand,
      phases: patchedFetch,
    },
  ],
  "mcp-remote": [{ start: startAgent, phases: bridge }],
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
    said: child.said,
    async stop() {
      // What went wrong before has been said.
      await ask("close").catch(() => {});
      await child.stop();
    },
  };
}

/** mcporter, a process for each call. */
async function startCommand({ node, url, ...surroundings }) {
  const settings = ".mcp.json";
  await writeServersFile(surroundings.cwd, settings, url);
  let output = "";
  let processes = 0;
  const run = async (...args) => {
    processes += 1;
    const command = ["node_modules/mcporter/dist/cli.js", "--config", settings, ...args];
    const { how, said } = await runProgram(node, command, surroundings);
    output += said;
    return { how, said };
  };
  const callEcho = async (text) => {
    const { how, said } = await run("call", "echo.echo", `text=${text}`);
    return how === "0" && said.trim() === text ? [] : [`It ended with ${how}: ${said}`];
  };
  return {
    processes: () => processes,
    async connect() {
      const { how, said } = await run("list", "echo");
      if (how !== "0" || !said.includes("function echo")) throw new Error(`It ended with ${how}: ${said}`);
    },
    call: async (times) =>
      (await Promise.all(Array.from({ length: times }, (_, index) => callEcho(`call-${index}`)))).flat(),
    said: () => output,
    stop: async () => {},
  };
}

/** The format of `.mcp.json`, which mcporter uses for its own file too. */
async function writeServersFile(folder, name, url) {
  await mkdir(join(folder, "config"), { recursive: true });
  await writeFile(join(folder, name), JSON.stringify({ mcpServers: { echo: { type: "http", url } } }));
}

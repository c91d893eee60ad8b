import { spawn } from "node:child_process";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The folder of the project. */
export const rootUrl = new URL("../../", import.meta.url);

/** The Node of this package, and not `node` from the PATH, which differs between `npm run` and the shell. */
export const nodePath = fileURLToPath(new URL("../node_modules/node/bin/node", import.meta.url));

/**
 * The Nodes that imports and starts are measured on: that of this package, and the one that runs npm, because scripts of
 * this package find its own Node first.
 */
export const nodePaths = [nodePath, process.env.npm_node_execpath ?? process.execPath].filter(
  (path, index, all) => all.indexOf(path) === index,
);

/** The published entry point. */
export const coreUrl = new URL("dist/index.js", rootUrl).href;

export const clientUrl = pathToFileURL(
  fileURLToPath(new URL("../node_modules/@modelcontextprotocol/client/dist/index.mjs", import.meta.url)),
).href;

export const expectedMajor = 26;

/** Throws if this process does not run on the Node of this package. Measurements for any Node do not call it. */
export function assertNode() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major !== expectedMajor || process.execPath !== nodePath) {
    throw new Error(
      `This process runs on Node ${process.version} at ${process.execPath} instead of Node ${expectedMajor} at ${nodePath}.`,
    );
  }
}

/**
 * Runs a script of this package, and returns the JSON that it prints.
 *
 * @param {string} script relative to `bench/`
 * @param {readonly string[]} args
 * @param {{ flags?: readonly string[]; env?: Record<string, string>; node?: string }} [options] `node`: the path of
 * another Node than that of this package
 */
export async function runJson(script, args = [], { flags = [], env = {}, node = nodePath } = {}) {
  const path = fileURLToPath(new URL(`../${script}`, import.meta.url));
  const child = spawn(node, [...flags, path, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...cleanEnvironment(), ...env },
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${script} ended with exit code ${code}`);
  return JSON.parse(output);
}

/**
 * Returns the environment without variables that affect the figures, such as a compile cache, preloads, added
 * certificates or a config path.
 */
export function cleanEnvironment() {
  const kept = { ...process.env };
  for (const name of Object.keys(kept)) {
    if (/^(NODE_|npm_|MCP_AUTH_|SSL_CERT_)/i.test(name)) delete kept[name];
  }
  return kept;
}

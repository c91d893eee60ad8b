// What a user with an older Node sees: one sentence.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { run } from "../../scripts/run.mjs";

/** The last versions before 20.19 and 22.3 and of the other majors before, and whether they have `--import`. */
const versions = { 22.2: true, 21: true, 20.18: true, 18: true, 16: false };

/**
 * @param {{ workshop: string, folder: string }} place an empty folder, and the package as it is installed
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function refusesOldNode({ workshop, folder }, verdict) {
  const { exports, bin } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const entries = Object.values(exports).flatMap((target) => target.default ?? []);
  for (const [version, hasImportFlag] of Object.entries(versions)) {
    const node = await install(workshop, version);
    const { stdout } = await runOld(node, ["--version"]);
    const title = `Node ${version}`;
    if (!verdict(`${title} can be installed`, stdout.startsWith(`v${version}.`), stdout)) continue;
    const sentence = `mcp-auth-runtime needs Node.js 20 from 20.19 on, or Node.js 22.3 or later; this is ${stdout.trim()}.\n`;

    for (const args of [["--version"], ["token", "crm"], []]) {
      const ended = await runOld(node, [join(folder, Object.values(bin)[0]), ...args]);
      verdict(
        `${title}: the command${args.map((arg) => ` ${arg}`).join("")} prints one sentence, with exit code 2`,
        ended.code === 2 && ended.output === sentence,
        `exit code ${ended.code}\n${ended.output}`,
      );
    }
    for (const entry of entries.filter((name) => !name.endsWith("/register.js"))) {
      const url = JSON.stringify(pathToFileURL(join(folder, entry)).href);
      const program = `import(${url}).catch((error) => console.log(error instanceof Error, error.message));`;
      const ended = await runOld(node, ["--input-type=module", "--eval", program]);
      verdict(
        `${title}: importing ${entry} fails with the sentence`,
        ended.output === `true ${sentence}`,
        ended.output,
      );
    }
    if (!hasImportFlag) continue;
    const register = pathToFileURL(join(folder, "dist/register.js")).href;
    const flags = ["--import", register, "--eval", "console.log('agent')"];
    const ended = await runOld(node, flags);
    verdict(
      `${title}: register ends the process before the agent, with one sentence and exit code 2`,
      ended.code === 2 && ended.output === sentence,
      `exit code ${ended.code}\n${ended.output}`,
    );
    const warned = await runOld(node, flags, { MCP_AUTH_REGISTER: "optional" });
    verdict(
      `${title}: with MCP_AUTH_REGISTER=optional the sentence is a warning, and the agent runs`,
      warned.code === 0 &&
        warned.stdout === "agent\n" &&
        warned.stderr.includes(`McpAuthWarning: ${sentence}`),
      warned.output,
    );
    const off = await runOld(node, flags, { MCP_AUTH_REGISTER: "off" });
    verdict(`${title}: with MCP_AUTH_REGISTER=off nothing is printed`, off.output === "agent\n", off.output);
  }
}

/** Without the flag that records TLS connections, which Node 16 does not know. */
async function runOld(node, args, variables = {}) {
  return await run(node, args, { env: { NODE_OPTIONS: "", ...variables } });
}

/** Installs a Node from npm, and returns the path of its program. */
async function install(workshop, version) {
  const folder = join(workshop, `node-${version}`);
  await mkdir(folder);
  await writeFile(join(folder, "package.json"), '{ "private": true }\n');
  // The package that `node` would bring by a script for this machine.
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  await run("npm", ["install", "--no-save", `${name}@${version}`], { cwd: folder });
  return join(folder, "node_modules", name, "bin/node");
}

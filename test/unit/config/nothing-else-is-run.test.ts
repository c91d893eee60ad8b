import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, it } from "vitest";
import { folder, smallest } from "./folder.js";

const run = promisify(execFile);
const root = new URL("../../..", import.meta.url).pathname;
let built: string;

// The bundle is inside of node_modules, so that it finds the dependencies.
beforeAll(async () => {
  await mkdir(join(root, "node_modules/.cache"), { recursive: true });
  built = await mkdtemp(join(root, "node_modules/.cache/mcp-auth-find-"));
  await build({
    entryPoints: [join(root, "src/config/load.ts")],
    outfile: join(built, "load.mjs"),
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    logLevel: "silent",
  });
});
afterAll(() => rm(built, { recursive: true, force: true }));

async function planted() {
  const plant = (marker: string) =>
    `require("node:fs").writeFileSync(${JSON.stringify(marker)}, "run"); module.exports = {};`;
  const home = await folder({});
  const cwd = await folder({
    "package.json": "{}",
    ".config/config.cjs": plant(join(home, "meta")),
    ".config/mcp-authrc.cjs": plant(join(home, "rc")),
    "mcp-auth.config.js": plant(join(home, "code")),
    [".mcp-authrc"]: "servers: {}",
  });
  const global = await folder({ "mcp-auth/config.cjs": plant(join(home, "global")) });
  const exists = async (name: string) =>
    access(join(home, name)).then(
      () => true,
      () => false,
    );
  const node = async (code: string, place: string) => {
    const env = { PATH: process.env["PATH"], HOME: home, XDG_CONFIG_HOME: global };
    const { stdout } = await run(process.execPath, ["--input-type=module", "-e", code], { cwd: place, env });
    return stdout.trim();
  };
  return { cwd, exists, node };
}

it("the search runs no code from .config in the working directory or from ~/.config/mcp-auth", async () => {
  const { cwd, exists, node } = await planted();
  const load = JSON.stringify(join(built, "load.mjs"));
  const printed = await node(
    `const { loadConfig } = await import(${load});
     try { await loadConfig({ cwd: process.cwd(), env: {} }); } catch (error) { console.log(error.code); }
     const spec = await loadConfig({ cwd: process.cwd(), env: {}, config: ${JSON.stringify(smallest)} });
     console.log(spec.servers.names.join());`,
    cwd,
  );
  expect(printed).toBe("config_not_found\ncrm");
  for (const marker of ["meta", "rc", "code", "global"])
    expect([marker, await exists(marker)]).toEqual([marker, false]);
});

it("the public function of cosmiconfig runs the code in these folders, so the test can detect it", async () => {
  const { cwd, exists, node } = await planted();
  const library = JSON.stringify(join(root, "node_modules/cosmiconfig/dist/index.js"));
  await node(
    `const { cosmiconfig } = (await import(${library})).default;
     await cosmiconfig("mcp-auth", { searchPlaces: ["mcp-auth.config.json"], stopDir: process.cwd() }).search();`,
    cwd,
  );
  expect(await exists("meta")).toBe(true);
  expect(await exists("global")).toBe(true);
});

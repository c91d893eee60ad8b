import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "../..");

/** What our own validator says of a config. */
const checkConfig = await loadCheckConfig();
export async function violationsOf(config) {
  const { violations } = await checkConfig({ config, cwd: "/etc/agent", env: {} });
  return violations;
}

async function loadCheckConfig() {
  const folder = await mkdtemp(join(import.meta.dirname, "node_modules/.validator-"));
  const outfile = join(folder, "load.mjs");
  try {
    await build({
      entryPoints: [join(root, "src/config/load.ts")],
      outfile,
      bundle: true,
      packages: "external",
      platform: "node",
      format: "esm",
    });
    return (await import(outfile)).checkConfig;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

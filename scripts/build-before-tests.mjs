// vitest runs this once before the integration tests.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./run.mjs";

export async function setup() {
  const build = join(dirname(fileURLToPath(import.meta.url)), "build.mjs");
  const { code, output } = await run(process.execPath, [build, "--if-stale"]);
  if (code !== 0) throw new Error(`The build failed.\n${output}`);
}

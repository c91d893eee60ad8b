// vitest runs this once before tests that use dist.
import { join } from "node:path";
import { run } from "../../scripts/run.mjs";

export async function setup() {
  const build = join(import.meta.dirname, "../../scripts/build.mjs");
  const { code, output } = await run(process.execPath, [build, "--if-stale"]);
  if (code !== 0) throw new Error(`The build failed.\n${output}`);
}

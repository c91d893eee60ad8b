// `npm run test:examples`: runs the examples for deployments that need more than the project has: the tool that runs
// GitLab jobs locally, the models of Kubernetes, systemd, Redis, Prometheus. The last line is `N passed, N failed`.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nodeForHosts } from "../hosts/install.mjs";
import { runVitest } from "../support/run-vitest.mjs";

// Debian has these programs in packages of the same name.
const programs = {
  promtool: "prometheus",
  "redis-server": "redis-server",
  rsync: "rsync",
  "systemd-analyze": "systemd",
};
const missing = Object.keys(programs).filter((program) => !isInstalled(program));
if (missing.length > 0) {
  const packages = missing.map((program) => programs[program]).join(" ");
  console.error(`These tests need ${missing.join(", ")}. On Debian, run: apt-get install ${packages}`);
  console.log("0 passed, 1 failed");
  process.exit(1);
}

const files = process.argv.slice(2);
// The tool for GitLab jobs and the models of Kubernetes need a recent Node, as some hosts do.
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-examples-"));
try {
  const node = await nodeForHosts(folder);
  process.exitCode =
    node.path === process.execPath
      ? await runHere()
      : spawnSync(node.path, [import.meta.filename, ...files], { stdio: "inherit" }).status;
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function runHere() {
  process.chdir(fileURLToPath(new URL("../../", import.meta.url)));
  const config = fileURLToPath(new URL("vitest.config.ts", import.meta.url));
  const { passed, failures } = await runVitest(config, files);
  for (const [name, message] of failures) console.log(`\nFAILED  ${name}\n${message}`);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 && passed > 0 ? 0 : 1;
}

function isInstalled(program) {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

// The package can be bundled: each row of the table in bundles/table.mjs is built, moved to an empty folder and run.
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cp, mkdir, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inParallel, run } from "../../scripts/run.mjs";
import { bundlers } from "./bundles/bundlers.mjs";
import { config } from "./bundles/program.mjs";
import { startServer } from "./bundles/server.mjs";
import { missingPairs, rows } from "./bundles/table.mjs";
import { testModule } from "./tls.mjs";

const here = dirname(fileURLToPath(import.meta.url));
// Growth is a decision. Messages that name the cause of a failure took 55,000, keys in the shapes that they arrive in
// 17,000, platform identities 16,000, the schema with its checks 25,000.
const maxMinified = 775_000;

/**
 * @param {{ root: string, folder: string, tarball: string }} place `folder` must not exist yet
 * @param {(title: string, holds: boolean, explanation?: string) => boolean} verdict
 */
export async function testBundles({ root, folder, tarball }, verdict) {
  const missing = missingPairs();
  verdict("the table of bundles covers each pair of values", missing.length === 0, missing.join("\n"));
  await cp(join(here, "bundles"), folder, {
    recursive: true,
    filter: (path) => !path.includes("node_modules"),
  });
  const installed = await install(folder, tarball);
  if (!verdict("the package can be installed next to the bundlers", installed.code === 0, installed.output))
    return;

  const { createAuthority } = await testModule(join(root, "test/support/certificates.ts"));
  const authority = await createAuthority();
  const server = await startServer(await authority.issue({ hosts: ["127.0.0.1"] }));
  try {
    const test = (row, number) => testRow({ row, number, folder, server, authority }, verdict);
    for (const typeScript of ["without TypeScript", "with TypeScript"]) {
      if (typeScript === "with TypeScript")
        await rename(join(folder, "node_modules/typescript-5"), join(folder, "node_modules/typescript"));
      const selected = rows
        .map((row, number) => [row, number])
        .filter(([row]) => row.typeScript === typeScript);
      await inParallel(selected, 2, ([row, number]) => test(row, number));
    }
    await findsRedis({ folder, server, authority }, verdict);
    await minifiedSize(folder, verdict);
  } finally {
    await server.stop();
  }
}

async function install(folder, tarball) {
  const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"];
  const locked = await run("npm", ["ci", ...options], { cwd: folder });
  if (locked.code !== 0) return locked;
  const own = await run("npm", ["install", "--no-save", ...options, tarball], { cwd: folder });
  // The install script of bun links its binary, which is in a package for the platform.
  return own.code === 0 ? await run(process.execPath, ["node_modules/bun/install.js"], { cwd: folder }) : own;
}

async function testRow({ row, number, folder, server, authority }, verdict) {
  const name = `${row.bundler}, ${row.format}, ${row.config}, ${row.typeScript}`;
  const project = join(folder, `row-${number}`);
  await mkdir(project);
  const built = await bundlers[row.bundler](row, project);
  const isClean = built.code === 0 && !/\bwarn|\(!\)/i.test(built.output);
  if (!verdict(`is bundled without a warning: ${name}`, isClean, built.output)) return;

  // No folder above the new one has a node_modules.
  const moved = join(folder, `../bundle-${number}`);
  await rename(built.bundle, moved);
  const cwd = join(moved, built.inner);
  const client = `client-${number}`;
  const env = {
    ...{ CRM_URL: `${server.origin}/mcp`, CRM_ISSUER: server.origin, CRM_ID: client, CRM_SECRET: "a-secret" },
    ...{ STORE_KEY: randomBytes(32).toString("base64url"), NODE_EXTRA_CA_CERTS: "" },
  };
  await writeFile(join(cwd, "ca.pem"), authority.certificate);
  await writeConfig(row.config, cwd, env);
  const start =
    row.bundler === "Next.js" ? answerOfServer : (options) => run(process.execPath, [built.file], options);
  const runs = [await start({ cwd, env })];
  if (row.config === "a file store") runs.push(await start({ cwd, env }));
  const [token] = server.issuedTo(client);
  // The second run has the token of the first, from the store.
  const isRight = server.issuedTo(client).length === 1 && server.hasAccepted(token);
  const printed = runs.map(({ output }) => output).join("");
  const holds = isRight && runs.every(({ output }) => output.trim() === `ok ${token}`);
  verdict(`runs in an empty folder: ${name}`, holds, printed);
}

/** Writes the config file that the program finds. */
async function writeConfig(kind, folder, env) {
  const text = JSON.stringify(config()).replace(/\$(\w+)/g, (_, variable) => env[variable]);
  if (kind === "JSON") await writeFile(join(folder, "mcp-auth.config.json"), text);
  // JSON is YAML, but a flow collection does not show that blocks are read.
  if (kind === "YAML") await writeFile(join(folder, "mcp-auth.config.yaml"), yamlOf(JSON.parse(text)));
}

function yamlOf(value, indent = "") {
  if (typeof value !== "object") return ` ${JSON.stringify(value)}\n`;
  const lines = Object.entries(value).map(
    ([name, inner]) => `${indent}${name}:${yamlOf(inner, `${indent}  `)}`,
  );
  return `${indent === "" ? "" : "\n"}${lines.join("")}`;
}

/** Starts the server of a Next.js bundle, and returns what its route answers. */
async function answerOfServer({ cwd, env }) {
  const PORT = String(await freePort());
  const { NO_COLOR: _, ...inherited } = process.env;
  const options = {
    cwd,
    env: { ...inherited, ...env, PORT, HOSTNAME: "127.0.0.1" },
    stdio: ["ignore", "pipe", "pipe"],
  };
  const child = spawn(process.execPath, ["server.js"], options);
  const closed = new Promise((resolve) => child.on("close", resolve));
  let log = "";
  const isReady = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text) => {
        log += text;
        if (/ready/i.test(log)) resolve(true);
      });
  });
  try {
    if (!(await Promise.race([isReady, closed.then(() => false)]))) return { output: log };
    const response = await fetch(`http://127.0.0.1:${PORT}/token`);
    const text = await response.text();
    return { output: response.ok ? text : `${response.status}\n${log}` };
  } finally {
    child.kill();
    await closed;
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The optional package is not in the bundle. The program finds one that is installed beside it. */
async function findsRedis({ folder, server, authority }, verdict) {
  for (const format of ["ESM", "CommonJS"]) {
    const project = join(folder, `redis-${format}`);
    await mkdir(project);
    const { bundle, file } = await bundlers.esbuild({ format, config: "Redis" }, project);
    const cwd = join(folder, `../bundle-redis-${format}`);
    await rename(bundle, cwd);
    await writeFile(join(cwd, "ca.pem"), authority.certificate);
    const env = {
      ...{
        CRM_URL: `${server.origin}/mcp`,
        CRM_ISSUER: server.origin,
        CRM_ID: "a",
        CRM_SECRET: "b",
      },
      ...{ REDIS_URL: "redis://127.0.0.1", STORE_KEY: randomBytes(32).toString("base64url") },
    };
    const without = await run(process.execPath, [file], { cwd, env });
    const isNamed = without.output.includes("npm install redis@6");
    verdict(`a bundle names the package redis if it is missing: ${format}`, isNamed, without.output);
    await mkdir(join(cwd, "node_modules/redis"), { recursive: true });
    await writeFile(join(cwd, "node_modules/redis/index.js"), 'console.log("loaded"); process.exit();\n');
    const found = await run(process.execPath, [file], { cwd, env });
    verdict(
      `a bundle finds the package redis beside it: ${format}`,
      found.stdout === "loaded\n",
      found.output,
    );
  }
}

async function minifiedSize(folder, verdict) {
  const text = `import { createMcpAuth } from "mcp-auth-runtime";\nawait createMcpAuth({ config: ${JSON.stringify(config())} });\n`;
  await writeFile(join(folder, "minified.mjs"), text);
  const options = [
    "--bundle",
    "--minify",
    "--platform=node",
    "--format=esm",
    "--outfile=minified/bundle.mjs",
  ];
  const { code, output } = await run("node_modules/.bin/esbuild", ["minified.mjs", ...options], {
    cwd: folder,
  });
  const size = code === 0 ? (await stat(join(folder, "minified/bundle.mjs"))).size : Number.NaN;
  console.log(`      ${Math.ceil(size / 1000)} kB minified`);
  verdict("a minified bundle with a config object has at most 775 kB", size <= maxMinified, output);
}

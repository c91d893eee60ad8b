// A Next.js app. Next.js wraps the global fetch to cache responses.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { newNode, registerFlag, root, run } from "../project.mjs";

const here = join(import.meta.dirname, "..");
const next = join(here, "node_modules/next/dist/bin/next");

const files = {
  "package.json": '{ "private": true, "type": "module" }\n',
  "next.config.mjs": `export default { turbopack: { root: ${JSON.stringify(here)} } };\n`,
  // Calls the MCP server by its plain URL, like an MCP client that has only a URL.
  "app/call/route.js": `
    export async function GET() {
      const response = await fetch(process.env.MCP_URL, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
      });
      return Response.json({ status: response.status, text: await response.text() });
    }
  `,
};

/** Creates the app below this folder, because the bundler follows no link out of its root. */
async function createApp(config, onEnd) {
  const folder = await mkdtemp(join(here, ".work-"));
  onEnd(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules/mcp-auth-runtime"));
  for (const [name, text] of Object.entries({ ...files, "mcp-auth.config.json": JSON.stringify(config) })) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

/** Starts the app. Resolves with the address that it prints. */
async function start(folder, args, env, onEnd) {
  const { PATH = "" } = process.env;
  const child = spawn(newNode, args, {
    cwd: folder,
    env: { PATH, HOME: folder, NEXT_TELEMETRY_DISABLED: "1", ...env },
  });
  onEnd(
    () =>
      new Promise(
        (resolve) =>
          (child.exitCode === null ? child.once("close", resolve) : resolve()) && child.kill("SIGKILL"),
      ),
  );
  let output = "";
  return await new Promise((resolve, reject) => {
    const note = (chunk) => {
      output += chunk;
      const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
      if (origin !== undefined && output.includes("Ready")) resolve(origin);
    };
    child.stdout.on("data", note);
    child.stderr.on("data", note);
    child.once("close", (code) => reject(new Error(`exit code ${code}\n${output}`)));
  });
}

const starting = ["start", "--hostname", "127.0.0.1", "--port", "0"];

export const cases = [
  [
    "a route handler's request is authorized, also after a revocation, and nothing is cached",
    async ({ world, onEnd }) => {
      const folder = await createApp(world.config, onEnd);
      const env = { NEXT_TELEMETRY_DISABLED: "1" };
      const built = await run({ folder }, { args: [next, "build"], env });
      assert.equal(built.code, 0, built.stdout + built.stderr);
      const commands = [
        [[...registerFlag, next, ...starting], world.env],
        [[next, ...starting], { ...world.env, NODE_OPTIONS: registerFlag.join(" ") }],
      ];
      for (const [args, variables] of commands) {
        const [callsBefore, issuedBefore] = [world.calls().length, world.issuer.tokensIssued];
        const origin = await start(folder, args, variables, onEnd);
        const call = async () => (await (await fetch(`${origin}/call`)).json()).status;
        assert.deepEqual([await call(), await call()], [200, 200]);
        world.revokeAll();
        assert.deepEqual([await call(), await call()], [200, 200]);
        assert.deepEqual(
          world
            .calls()
            .slice(callsBefore)
            .map(({ status, hasToken }) => [status, hasToken]),
          [
            [200, true],
            [200, true],
            [401, true],
            [200, true],
            [200, true],
          ],
        );
        assert.equal(world.issuer.tokensIssued - issuedBefore, 2);
      }
      await assertNothingKept(join(folder, ".next"));
    },
  ],
];

/** Checks that no file contains a token, and that no response was cached. */
async function assertNothingKept(folder) {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  assert.ok(names.length > 0);
  assert.deepEqual(
    names.filter(({ parentPath }) => parentPath.includes("fetch-cache")),
    [],
  );
  for (const file of names.filter((name) => name.isFile())) {
    const text = await readFile(join(file.parentPath, file.name), "latin1");
    assert.ok(!text.includes("eyJhbGciOiJFUzI1NiI"), `${file.name} has a token`);
  }
}

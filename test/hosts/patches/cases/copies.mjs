// Two copies of this package in one process, for example one of a host and one of its plugin.
import assert from "node:assert/strict";
import { cp, mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createProject, newNode, printed, root, run } from "../project.mjs";

const names = ["one", "two"];

/** Runs a program with both copies of the package. */
async function runWithCopies({ world, onEnd }, body, flagsOf, servers = world.config.servers) {
  const project = await createProject({ servers });
  onEnd(project.remove);
  const folders = names.map((name) => join(project.folder, "copies", name));
  for (const folder of folders) {
    const copy = join(folder, "mcp-auth-runtime");
    await mkdir(copy, { recursive: true });
    for (const part of ["package.json", "dist"])
      await cp(join(root, part), join(copy, part), { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  }
  const moduleOf = (path) =>
    folders.map((folder) => pathToFileURL(join(folder, "mcp-auth-runtime/dist", path)).href);
  const program = `
    const [entries, apis] = ${JSON.stringify([moduleOf("index.js"), moduleOf("register/api.js")])};
    const { MCP_URL, CONTROL_URL } = process.env;
    const call = async (url = MCP_URL) => { const response = await fetch(url); await response.text(); return response.status; };
    ${body}`;
  const flags = flagsOf(moduleOf("register.js"));
  const args = [...flags, "--input-type=module", "-e", program];
  return await run(project, { command: newNode, args, env: world.env });
}

const both = (urls) => urls.flatMap((url) => ["--import", url]);

export const cases = [
  [
    "with two copies registered by the flag, each request is sent once with one token",
    async (setting) => {
      const { world } = setting;
      const body = `
        const first = await Promise.all([call(), call()]);
        await (await fetch(CONTROL_URL + "/revoke")).text();
        console.log(JSON.stringify([...first, await call()]));`;
      const ended = await runWithCopies(setting, body, both);
      assert.deepEqual([printed(ended), ended.stderr], [[405, 405, 405], ""]);
      assert.deepEqual(
        world.calls().map(({ status, hasToken }) => [status, hasToken]),
        [
          [405, true],
          [405, true],
          [401, true],
          [405, true],
        ],
      );
      assert.equal(world.issuer.tokenRequests.length, 2);
    },
  ],
  [
    "with two copies registered by the flag, each request has one Authorization header, also from a copy of undici",
    async (setting) => {
      const { world, server } = setting;
      const raw = await server(({ url }, response) => response.writeHead(url === "/mcp" ? 200 : 404).end());
      const url = `${raw.origin}/mcp`;
      const body = `
        import { subscribe } from "node:diagnostics_channel";
        import { fetch as ofCopy } from "undici-7";
        const url = ${JSON.stringify(url)};
        const first = await call(url);
        // The copy that was registered last adds its token. The other one requests its own token ahead.
        const renewed = new Promise((resolve) =>
          subscribe("mcp-auth:token:renewed", () => setImmediate(() => setImmediate(resolve))));
        await (await ofCopy(url)).text();
        await renewed;
        console.log(JSON.stringify([first, (await ofCopy(url)).status]));`;
      const { grant } = world.config.servers.tools;
      const ended = await runWithCopies(setting, body, both, { raw: { url, grant } });
      assert.deepEqual([printed(ended), ended.stderr], [[200, 200], ""]);
      const calls = raw.requests.filter((request) => request.url === "/mcp");
      const counted = calls.map(
        ({ rawHeaders }) => rawHeaders.filter((name) => /^authorization$/i.test(name)).length,
      );
      assert.deepEqual(counted, [1, 1, 1]);
      assert.equal(world.issuer.tokenRequests.length, 2);
    },
  ],
  ...[
    ["the first before the second", [0, 1]],
    ["the second before the first", [1, 0]],
  ].map(([order, undone]) => [
    `two copies registered in code can be undone, ${order}`,
    async (setting) => {
      const { world } = setting;
      const body = `
        const bare = globalThis.fetch;
        const undo = [];
        for (const [index, entry] of entries.entries()) {
          const { createMcpAuth } = await import(entry);
          const { register } = await import(apis[index]);
          undo.push(register(await createMcpAuth()));
        }
        const statuses = [await call()];
        for (const index of ${JSON.stringify(undone)}) {
          undo[index]();
          statuses.push(await call());
        }
        console.log(JSON.stringify([...statuses, globalThis.fetch === bare]));`;
      const ended = await runWithCopies(setting, body, () => []);
      // If the first is undone while the second wraps it, its wrapper stays and passes requests through.
      assert.deepEqual([printed(ended), ended.stderr], [[405, 405, 401, order.startsWith("the second")], ""]);
      assert.deepEqual(
        world.calls().map(({ hasToken }) => hasToken),
        [true, true, false],
      );
      // Each copy has its own tokens. The manager of the second copy is used as long as it is registered.
      assert.equal(world.issuer.tokenRequests.length, order.startsWith("the second") ? 2 : 1);
    },
  ]),
];

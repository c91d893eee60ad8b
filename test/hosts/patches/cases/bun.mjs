// Bun, whose `--preload` corresponds to Node's `--import`.
import assert from "node:assert/strict";
import { bun, createProject, run } from "../project.mjs";

const preload = ["--preload", "mcp-auth-runtime/register"];
const begin = `
  const { MCP_URL, CONTROL_URL } = process.env;
  const call = async (input, init) => { const response = await fetch(input, init); await response.text(); return response.status; };
`;

async function runAgent(
  { world, onEnd },
  body,
  { args = [...preload, "agent.mjs"], config = world.config, env = {}, files = {} } = {},
) {
  const project = await createProject(config ?? undefined, { "agent.mjs": begin + body, ...files });
  onEnd(project.remove);
  return await run(project, { command: bun, args, env: { ...world.env, ...env } });
}

const tokens = ({ world }) => world.calls().map(({ hasToken }) => hasToken);
const child = { "child.mjs": `${begin} console.log(await call(MCP_URL));` };
const spawning = `
  import { spawn } from "node:child_process";
  spawn(process.execPath, ["child.mjs"], { stdio: "inherit" });
`;

export const cases = [
  [
    "the global fetch is authorized for strings, URLs, Requests and bodies, and after a revocation",
    async (setting) => {
      const ended = await runAgent(
        setting,
        `const ping = () => call(MCP_URL, {
           method: "POST",
           headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
           body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
         });
         const first = [await call(MCP_URL), await call(new URL(MCP_URL)), await call(new Request(MCP_URL)), await ping()];
         const other = await call(CONTROL_URL + "/revoke");
         console.log(...first, other, await ping(), fetch.name, typeof fetch.preconnect, (await fetch(MCP_URL)) instanceof Response);`,
      );
      assert.deepEqual(ended, {
        code: 0,
        stdout: "405 405 405 200 200 200 fetch function true\n",
        stderr: "",
      });
      assert.ok(tokens(setting).every(Boolean));
      assert.deepEqual([setting.world.issuer.tokensIssued, setting.world.mcp.unauthorized], [2, 1]);
    },
  ],
  [
    "without a config the process ends with exit code 2 before the first line",
    async (setting) => {
      const ended = await runAgent(setting, `console.log("first line");`, { config: null });
      assert.deepEqual([ended.code, ended.stdout], [2, ""]);
      assert.match(ended.stderr, /^error\[config_not_found\]: /);
    },
  ],
  [
    "without a config and with MCP_AUTH_REGISTER=optional the program runs, with a warning",
    async (setting) => {
      const env = { MCP_AUTH_REGISTER: "optional" };
      const ended = await runAgent(setting, `console.log("first line");`, { config: null, env });
      assert.deepEqual([ended.code, ended.stdout], [0, "first line\n"]);
      assert.match(ended.stderr, /\[config_not_found\] McpAuthWarning: /);
    },
  ],
  [
    "BUN_OPTIONS and bunfig.toml work like the flag, and also for child processes",
    async (setting) => {
      const args = ["agent.mjs"];
      const body = `${spawning} await call(MCP_URL);`;
      const byVariable = await runAgent(setting, body, {
        args,
        env: { BUN_OPTIONS: preload.join(" ") },
        files: child,
      });
      assert.deepEqual(byVariable, { code: 0, stdout: "405\n", stderr: "" });
      const bunfig = { "bunfig.toml": 'preload = ["mcp-auth-runtime/register"]\n' };
      const byFile = await runAgent(setting, body, { args, files: { ...child, ...bunfig } });
      assert.deepEqual(byFile, { code: 0, stdout: "405\n", stderr: "" });
      assert.deepEqual(tokens(setting), [true, true, true, true]);
    },
  ],
  [
    "a copy of undici under another name has the token from the second request on",
    async (setting) => {
      const ended = await runAgent(
        setting,
        `import { subscribe } from "node:diagnostics_channel";
         import { fetch as ofCopy } from "undici-7";
         const renewed = new Promise((resolve) =>
           subscribe("mcp-auth:token:renewed", () => setImmediate(() => setImmediate(resolve))));
         const first = (await ofCopy(MCP_URL)).status;
         await renewed;
         console.log(first, (await ofCopy(MCP_URL)).status);`,
      );
      assert.deepEqual(ended, { code: 0, stdout: "401 405\n", stderr: "" });
    },
  ],
  [
    "a request with node:http is reported",
    async (setting) => {
      const ended = await runAgent(
        setting,
        `import { get } from "node:http";
         get(MCP_URL, (response) => { response.resume(); console.log(response.statusCode); });`,
      );
      assert.deepEqual([ended.code, ended.stdout], [0, "401\n"]);
      assert.equal(ended.stderr.match(/a request without authorization was made with node:http/g)?.length, 1);
    },
  ],
  [
    "Bun.fetch, the built-in undici of Bun, and with the flag alone child processes and workers are not covered",
    async (setting) => {
      const ended = await runAgent(
        setting,
        `${spawning}
         import { Worker } from "node:worker_threads";
         import { fetch as builtIn } from "undici";
         new Worker("./child.mjs");
         console.log((await Bun.fetch(MCP_URL)).status, (await builtIn(MCP_URL)).status);`,
        { files: child },
      );
      assert.deepEqual([ended.code, ended.stderr], [0, ""]);
      assert.deepEqual(ended.stdout.split("\n").sort(), ["", "401", "401", "401 401"]);
      assert.deepEqual(tokens(setting), [false, false, false, false]);
    },
  ],
];

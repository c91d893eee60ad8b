// Programs with their own copy of undici, whose requests do not use the global fetch.
import assert from "node:assert/strict";
import { createProject, newNode, run } from "../project.mjs";

/** Version 8 does not load on Node 20. */
const copies = [process.execPath, newNode].flatMap((command) =>
  [5, 6, 7, 8]
    .filter((version) => version < 8 || command === newNode)
    .map((version) => ({ version, command })),
);
const named = ({ version, command }) =>
  `undici ${version} on ${command === newNode ? "Node 26" : `Node ${process.version}`}`;

const begin = ({ version }) => `
  import { subscribe } from "node:diagnostics_channel";
  import * as undici from "undici-${version}";
  const { MCP_URL, CONTROL_URL, MOVED_URL } = process.env;
  const calls = {
    async fetch(url = MCP_URL, init) { const r = await undici.fetch(url, init); await r.text(); return r.status; },
    async request(url = MCP_URL, init) { const r = await undici.request(url, init); await r.body.text(); return r.statusCode; },
  };
  const redirect = ${
    version < 7
      ? "{ dispatcher: new undici.Agent(), maxRedirections: 2 }"
      : "{ dispatcher: new undici.Agent().compose(undici.interceptors.redirect({ maxRedirections: 2 })) }"
  };
  // The event is emitted before the token is in use.
  const renewed = () => new Promise((resolve) =>
    subscribe("mcp-auth:token:renewed", () => setImmediate(() => setImmediate(resolve))));
`;

async function runProgram(copy, { world, onEnd }, body, { config = world.config, env = {} } = {}) {
  const project = await createProject(config, { "agent.mjs": `${begin(copy)}${body}` });
  onEnd(project.remove);
  return await run(project, { command: copy.command, env: { ...world.env, ...env } });
}

const inTurn = ["fetch", "request"];

export const cases = copies.flatMap((copy) => [
  [
    `${named(copy)}: fetch and request have the token from the second request on`,
    async (setting) => {
      const ended = await runProgram(
        copy,
        setting,
        `const ready = renewed();
         await calls.request();
         await ready;
         for (const call of ["fetch", "request", "fetch"]) await calls[call]();`,
      );
      assert.deepEqual(ended, { code: 0, stdout: "", stderr: "" });
      const { world } = setting;
      assert.deepEqual(
        world.calls().map(({ hasToken }) => hasToken),
        [false, true, true, true],
      );
      assert.deepEqual([world.mcp.unauthorized, world.issuer.tokensIssued], [1, 1]);
    },
  ],
  ...inTurn.map((call) => [
    `${named(copy)}: an Authorization header of ${call} is replaced, with one warning`,
    async (setting) => {
      const ended = await runProgram(
        copy,
        setting,
        `const ready = renewed();
         await calls.${call}();
         await ready;
         const headers = { authorization: "Bearer of-the-host", "x-other": "kept" };
         console.log(await calls.${call}(MCP_URL, { headers }), await calls.${call}(MCP_URL, { headers }));`,
      );
      // The server rejects GET requests.
      assert.deepEqual([ended.code, ended.stdout], [0, "405 405\n"]);
      assert.equal(ended.stderr.match(/sets its own Authorization header/g)?.length, 1);
      const { world } = setting;
      const after = world.mcp.requests.filter(
        ({ path, headers }) => path === "/mcp" && headers["x-other"] === "kept",
      );
      assert.deepEqual(
        after.map(({ jti }) => jti !== undefined),
        [true, true],
      );
    },
  ]),
  [
    `${named(copy)}: after a 401 the next request has another token`,
    async (setting) => {
      const ended = await runProgram(
        copy,
        setting,
        `const ready = renewed();
         await calls.fetch();
         await ready;
         await calls.fetch();
         await calls.fetch(CONTROL_URL + "/revoke");
         const replaced = renewed();
         await calls.request();
         await replaced;
         await calls.fetch();
         await calls.request();`,
      );
      assert.deepEqual(ended, { code: 0, stdout: "", stderr: "" });
      const { world } = setting;
      assert.deepEqual(
        world.calls().map(({ status }) => status),
        [401, 405, 401, 405, 405],
      );
      assert.equal(world.issuer.tokensIssued, 2);
    },
  ],
  [
    `${named(copy)}: a redirect to another origin carries no token`,
    async (setting) => {
      const { world, server } = setting;
      const other = await server((_request, response) => void response.end());
      const moving = await server(({ url }, response) => {
        if (url.startsWith("/.well-known/")) return void response.writeHead(404).end();
        response.writeHead(307, { location: `${other.origin}/elsewhere` }).end();
      });
      const url = `${moving.origin}/mcp`;
      const { grant } = world.config.servers.tools;
      const ended = await runProgram(
        copy,
        setting,
        `const ready = renewed();
         await calls.request(MOVED_URL);
         await ready;
         await calls.fetch(MOVED_URL);
         await calls.request(MOVED_URL, redirect);`,
        { config: { servers: { moving: { url, grant } } }, env: { MOVED_URL: url } },
      );
      assert.deepEqual([ended.code, ended.stdout], [0, ""]);
      const tokens = (from) => from.requests.map(({ headers }) => headers.authorization !== undefined);
      const { requests } = moving;
      const calls = requests.filter((request) => request.url === "/mcp");
      assert.deepEqual(tokens({ requests: calls }), [false, true, true]);
      assert.deepEqual(tokens(other), [false, false]);
    },
  ],
  [
    `${named(copy)}: a redirect of another site to a server has no token`,
    async (setting) => {
      const { world, server } = setting;
      const other = await server((_request, response) => {
        response.writeHead(302, { location: `${world.url}?from=other` }).end();
      });
      const ended = await runProgram(
        copy,
        setting,
        `const ready = renewed();
         await calls.request();
         await ready;
         await calls.fetch(MOVED_URL);
         await calls.request(MOVED_URL, redirect);
         await calls.fetch();`,
        { env: { MOVED_URL: other.origin } },
      );
      assert.deepEqual(ended, { code: 0, stdout: "", stderr: "" });
      assert.deepEqual(
        world.calls().map(({ path, hasToken }) => `${path} ${hasToken}`),
        ["/mcp false", "/mcp?from=other false", "/mcp?from=other false", "/mcp true"],
      );
    },
  ],
]);

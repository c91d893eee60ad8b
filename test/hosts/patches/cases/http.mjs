// Clients that use node:http, which is not covered.
import assert from "node:assert/strict";
import { createProject, newNode, run } from "../project.mjs";

const clients = {
  axios: `
    import axios from "axios";
    const call = (url, headers) => axios.get(url, { headers, validateStatus: () => true }).then(({ status }) => status);`,
  got: `
    import got from "got";
    const call = (url, headers) => got(url, { headers, throwHttpErrors: false }).then(({ statusCode }) => statusCode);`,
};
const reported = /a request without authorization was made with node:http/g;

async function runAgent({ world, onEnd }, agent) {
  const project = await createProject(world.config, {
    "agent.mjs": `const { MCP_URL, CONTROL_URL } = process.env; ${agent}`,
  });
  onEnd(project.remove);
  return await run(project, { command: newNode, env: world.env });
}

export const cases = Object.entries(clients).flatMap(([name, client]) => [
  [
    `requests of ${name} to a server are reported once`,
    async (setting) => {
      const ended = await runAgent(
        setting,
        `${client} console.log(await call(MCP_URL), await call(MCP_URL + "/below"));`,
      );
      assert.deepEqual([ended.code, ended.stdout], [0, "401 404\n"]);
      assert.equal(ended.stderr.match(reported)?.length, 1);
      assert.match(ended.stderr, /McpAuthWarning: Server "tools": .*adapter: "fetch"/);
      assert.deepEqual(setting.world.issuer.tokenRequests, []);
    },
  ],
  [
    `requests of ${name} to other URLs, and those with an Authorization, are not reported`,
    async (setting) => {
      const ended = await runAgent(
        setting,
        `${client} console.log(
          await call(CONTROL_URL),
          await call(new URL("/elsewhere", MCP_URL).href),
          await call(new URL("/.well-known/oauth-protected-resource/mcp", MCP_URL).href),
          await call(MCP_URL, { authorization: "Bearer of-the-host" }));`,
      );
      assert.deepEqual(ended, { code: 0, stdout: "200 404 200 401\n", stderr: "" });
      assert.deepEqual(
        setting.world.calls().map(({ authorization }) => authorization),
        ["Bearer of-the-host"],
      );
    },
  ],
]);
cases.push([
  "axios with the adapter fetch is authorized, and its JSON is sent again with another token after a 401",
  async (setting) => {
    const ended = await runAgent(
      setting,
      `import axios from "axios";
       const client = axios.create({ adapter: "fetch", validateStatus: () => true });
       const headers = { accept: "application/json, text/event-stream" };
       const ping = async () => (await client.post(MCP_URL, { jsonrpc: "2.0", id: 1, method: "ping" }, { headers })).status;
       const get = async () => (await client.get(MCP_URL)).status;
       const revoke = () => client.get(CONTROL_URL + "/revoke");
       const statuses = [await ping()];
       await revoke();
       statuses.push(await ping());
       await revoke();
       console.log(...statuses, await get());`,
    );
    // axios creates a Request for each call.
    assert.deepEqual(ended, { code: 0, stdout: "200 200 405\n", stderr: "" });
    const { world } = setting;
    assert.deepEqual(
      world.calls().map(({ status }) => status),
      [200, 401, 200, 401, 405],
    );
    assert.ok(world.calls().every(({ hasToken }) => hasToken));
    assert.equal(world.issuer.tokensIssued, 3);
  },
]);

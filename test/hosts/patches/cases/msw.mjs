// Mock Service Worker in Node.
import assert from "node:assert/strict";
import { createProject, printed, registerFlag, run } from "../project.mjs";

const mocking = `
  import { http, HttpResponse, passthrough } from "msw";
  import { setupServer } from "msw/node";
  const { MCP_URL, ISSUER = "https://auth.example" } = process.env;
  const scheme = ({ headers }) => headers.get("authorization")?.split(" ")[0] ?? "none";
  globalThis.seen = [];
  globalThis.mocks = setupServer(
    http.get("http://mocked.example/", ({ request }) => HttpResponse.text("mocked, " + scheme(request))),
    http.post(MCP_URL + "/mocked", async ({ request }) => HttpResponse.text(await request.text() + ", " + scheme(request))),
    http.get(MCP_URL, ({ request }) => { seen.push(scheme(request)); return passthrough(); }),
    http.get(ISSUER + "/.well-known/oauth-authorization-server", () =>
      HttpResponse.json({ issuer: ISSUER, token_endpoint: ISSUER + "/token", token_endpoint_auth_methods_supported: ["client_secret_basic"] })),
    http.post(ISSUER + "/token", () =>
      HttpResponse.json({ access_token: "of-the-mock", token_type: "Bearer", expires_in: 3600 })),
  );
  mocks.listen();
`;

const begin = `
  const { MCP_URL, CONTROL_URL } = process.env;
  const status = async (url) => { const response = await fetch(url); await response.text(); return response.status; };
`;

const orders = [
  ["before ours", ["--import", "./mocking.mjs", ...registerFlag], ""],
  ["after ours", registerFlag, `await import("./mocking.mjs");`],
];

async function runAgent({ world, onEnd }, [, flags, imports], body, config = world.config) {
  const agent = `${begin}${imports}${body}`;
  const project = await createProject(config, { "mocking.mjs": mocking, "agent.mjs": agent });
  onEnd(project.remove);
  return printed(await run(project, { args: [...flags, "agent.mjs"], env: world.env }));
}

export const cases = orders.flatMap((order) => [
  [
    `handlers of msw answer, and requests that it passes through are authorized, if msw is loaded ${order[0]}`,
    async (setting) => {
      const { world } = setting;
      const said = await runAgent(
        setting,
        order,
        `const other = await (await fetch("http://mocked.example/")).text();
         const body = await (await fetch(MCP_URL + "/mocked", { method: "POST", body: "sent" })).text();
         const first = await status(MCP_URL);
         await (await fetch(CONTROL_URL + "/revoke")).text();
         console.log(JSON.stringify({ other, body, statuses: [first, await status(MCP_URL), await status(MCP_URL + "?unknown")], seen }));`,
      );
      const seen = ["Bearer", "Bearer", "Bearer", "Bearer"];
      assert.deepEqual(said, {
        other: "mocked, none",
        body: "sent, Bearer",
        statuses: [405, 405, 405],
        seen,
      });
      assert.deepEqual(
        world.calls().map(({ path, status, hasToken }) => [path, status, hasToken]),
        [
          ["/mcp", 405, true],
          ["/mcp", 401, true],
          ["/mcp", 405, true],
          ["/mcp?unknown", 405, true],
        ],
      );
      assert.equal(world.issuer.tokensIssued, 2);
    },
  ],
  [
    `tokens come from an authorization server that msw mocks, if msw is loaded ${order[0]}`,
    async (setting) => {
      const { world } = setting;
      const { tools } = world.config.servers;
      const client = { ...tools.grant.client, issuer: "https://auth.example" };
      const config = { servers: { tools: { ...tools, resourceMetadata: false, grant: { client } } } };
      const said = await runAgent(setting, order, "console.log(await status(MCP_URL));", config);
      // The MCP server refuses the token of the mocked authorization server.
      assert.equal(said, 401);
      const sent = world.calls().map(({ authorization }) => authorization);
      assert.deepEqual([...new Set(sent)], ["Bearer of-the-mock"]);
      assert.deepEqual(world.issuer.tokenRequests, []);
    },
  ],
]);
cases.push(
  [
    "after msw is closed, requests are authorized as before, if msw is loaded after ours",
    async (setting) => {
      const body = `mocks.close(); console.log(JSON.stringify([await status(MCP_URL), seen]));`;
      assert.deepEqual(await runAgent(setting, orders[1], body), [405, []]);
    },
  ],
  [
    "after msw is closed, requests are not authorized any more, if msw is loaded before ours, because it restores the earlier fetch",
    async (setting) => {
      const body = `mocks.close(); console.log(await status(MCP_URL));`;
      assert.equal(await runAgent(setting, orders[0], body), 401);
    },
  ],
);

// One process of a fleet, with the built package. Its parent tells it when to start, to move its clock forward and to
// report. Meanwhile it requests a token ten times a second, like a busy agent. With `PROVIDER=sdk` it uses the MCP
// SDK's own provider instead. With `TOOLS=a,b` it calls these tools of its server in turn.
import { setTimeout as delay } from "node:timers/promises";
import { createMcpAuth } from "mcp-auth-runtime";
import { movableClock } from "./clock.mjs";

const config = JSON.parse(process.env.FLEET_CONFIG);
const [name] = Object.keys(config.servers);
const report = { calls: 0, failures: [], tokens: [], renewals: 0, down: 0, answers: {} };
const clock = movableClock();
const startedAt = clock.now();

const createRuntimeCaller = async () => {
  const auth = await createMcpAuth({ config, clock });
  auth.on("token:renewed", () => {
    report.renewals += 1;
  });
  auth.on("store:down", () => {
    report.down += 1;
  });
  const manager = auth.resolve(name);
  const tools = process.env.TOOLS?.split(",");
  if (tools === undefined) return { call: () => manager.getAccessToken(), end: () => auth.stop() };
  // A listener prevents the process warning.
  auth.on("token:warning", () => {});
  const callTool = async (tool) => {
    const params = { name: tool, arguments: {} };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    const response = await manager.fetch(manager.url, { method: "POST", body });
    await response.text();
    return `${tool} ${response.status}`;
  };
  return { call: () => callTool(tools[report.calls % tools.length]), end: () => auth.stop() };
};

/** Calls the MCP server, because the SDK uses its token only then. */
const createSdkCaller = async () => {
  const { ClientCredentialsProvider } = await import("@modelcontextprotocol/client");
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
  const { url, grant } = config.servers[name];
  const authProvider = new ClientCredentialsProvider({
    clientId: grant.client.id,
    clientSecret: process.env[grant.client.secret.env],
    expectedIssuer: grant.client.issuer,
  });
  const connect = async () => {
    const client = new Client({ name: "agent", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
    return client;
  };
  let client;
  return {
    async call() {
      client ??= await connect();
      await client.callTool({ name: "echo", arguments: { text: "hello" } });
      return authProvider.tokens()?.access_token;
    },
    end: async () => await client?.close(),
  };
};

const { call, end } = await (process.env.PROVIDER === "sdk" ? createSdkCaller() : createRuntimeCaller());
let isWorking = true;

async function callRepeatedly() {
  while (isWorking) {
    report.calls += 1;
    try {
      const token = await call();
      if (process.env.TOOLS !== undefined) report.answers[token] = (report.answers[token] ?? 0) + 1;
      else if (report.tokens.at(-1) !== token) report.tokens.push(token);
    } catch (error) {
      report.failures.push(String(error));
    }
    if (report.calls === 1) process.send({ called: true });
    await delay(100);
  }
}

let work;
process.on("message", async (message) => {
  if (message === "start") work = callRepeatedly();
  if (message === "current")
    process.send({ current: { token: report.tokens.at(-1), renewals: report.renewals } });
  if (message.advance !== undefined) {
    clock.advance(message.advance);
    process.send({ advanced: true });
  }
  if (message !== "report") return;
  isWorking = false;
  await work;
  process.send({ report: { ...report, lived: clock.now() - startedAt } });
  await end();
  process.disconnect();
});
process.send("ready");

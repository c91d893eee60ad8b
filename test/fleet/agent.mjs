// One process of a fleet, from what ships. Its parent tells it when to begin, how much time has passed and when to report; it
// calls for a token ten times a second meanwhile, as an agent at work does. `PROVIDER=sdk`: with the MCP SDK's own provider
// instead. `TOOLS=a,b`: it calls these tools of its server in turn.
import { setTimeout as delay } from "node:timers/promises";
import { createMcpAuth } from "mcp-auth-runtime";
import { movableClock } from "./clock.mjs";

const config = JSON.parse(process.env.FLEET_CONFIG);
const [name] = Object.keys(config.servers);
const seen = { calls: 0, failures: [], tokens: [], renewals: 0, down: 0, answers: {} };
const clock = movableClock();
const bornAt = clock.now();

const ours = async () => {
  const auth = await createMcpAuth({ config, clock });
  auth.on("token:renewed", () => {
    seen.renewals += 1;
  });
  auth.on("store:down", () => {
    seen.down += 1;
  });
  const manager = auth.resolve(name);
  const tools = process.env.TOOLS?.split(",");
  if (tools === undefined) return { call: () => manager.getAccessToken(), end: () => auth.stop() };
  // With a listener there is no process warning.
  auth.on("token:warning", () => {});
  const callTool = async (tool) => {
    const params = { name: tool, arguments: {} };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    const response = await manager.fetch(manager.url, { method: "POST", body });
    await response.text();
    return `${tool} ${response.status}`;
  };
  return { call: () => callTool(tools[seen.calls % tools.length]), end: () => auth.stop() };
};

/** Calls the MCP server, as that is the only time at which the SDK looks at its token. */
const sdk = async () => {
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

const { call, end } = await (process.env.PROVIDER === "sdk" ? sdk() : ours());
let working = true;

async function work() {
  while (working) {
    seen.calls += 1;
    try {
      const token = await call();
      if (process.env.TOOLS !== undefined) seen.answers[token] = (seen.answers[token] ?? 0) + 1;
      else if (seen.tokens.at(-1) !== token) seen.tokens.push(token);
    } catch (error) {
      seen.failures.push(String(error));
    }
    if (seen.calls === 1) process.send({ called: true });
    await delay(100);
  }
}

let worked;
process.on("message", async (message) => {
  if (message === "go") worked = work();
  if (message === "present")
    process.send({ present: { token: seen.tokens.at(-1), renewals: seen.renewals } });
  if (message.pass !== undefined) {
    clock.pass(message.pass);
    process.send({ passed: true });
  }
  if (message !== "report") return;
  working = false;
  await worked;
  process.send({ report: { ...seen, lived: clock.now() - bornAt } });
  await end();
  process.disconnect();
});
process.send("ready");

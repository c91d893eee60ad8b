import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { headersHelper, mcpServers } from "../../../src/hosts/claude-agent.js";
import { createMcpAuth } from "../../../src/index.js";
import { installHosts } from "./installed-host.js";

const grant = { type: "static", token: { env: "TOKEN" } } as const;
const config = {
  servers: {
    crm: { url: "https://crm.example/mcp", grant },
    billing: { url: "https://billing.example/mcp", grant },
  },
};

async function runtime(env: Record<string, string> = { TOKEN: "t1" }) {
  const auth = await createMcpAuth({ config, env });
  onTestFinished(() => auth.stop());
  return auth;
}

/** Sends a request as the agent does, and returns the JSON-RPC error or the status of the response. */
async function call(url: string) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json, text/event-stream" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
  });
  return { status: response.status, text: await response.text() };
}

test("the Claude Agent SDK reaches each server at a proxy on loopback, with a local token", async () => {
  const auth = await runtime();
  const servers = await mcpServers(auth);
  const [, origin] = /^(http:\/\/127\.0\.0\.1:\d+)\//.exec(servers.crm.url) ?? [];
  const token = servers.crm.url.split("/").at(-2);
  expect(servers).toEqual({
    crm: { type: "http", url: `${origin}/${token}/crm` },
    billing: { type: "http", url: `${origin}/${token}/billing` },
  });
  expect(token).toMatch(/^[\w-]{22,}$/);
  expect(auth.status().map(({ state }) => state)).toEqual(["fresh", "fresh"]);
});

test("the Claude Agent SDK can use only the servers that were named", async () => {
  const auth = await runtime();
  const servers = await mcpServers(auth, ["crm"]);
  expect(Object.keys(servers)).toEqual(["crm"]);
  const { text } = await call(servers.crm.url.replace(/crm$/, "billing"));
  expect(text).toContain('does not serve the server \\"billing\\"');
});

test("agents of the Claude Agent SDK share a proxy, unless they may use other servers", async () => {
  const auth = await runtime();
  const [first, second] = await Promise.all([mcpServers(auth), mcpServers(auth)]);
  expect(second).toEqual(first);
  const other = await mcpServers(auth, ["crm"]);
  expect(other.crm.url).not.toBe(first.crm.url);
});

test("stopping the runtime stops the proxy of the Claude Agent SDK", async () => {
  const auth = await runtime();
  const { crm } = await mcpServers(auth);
  await auth.stop();
  await expect(fetch(crm.url)).rejects.toThrow(TypeError);
  await expect(mcpServers(auth)).rejects.toMatchObject({ code: "stopped" });
});

test("a process warning tells once why a server fails for the Claude Agent SDK", async () => {
  const auth = await runtime({});
  const { crm } = await mcpServers(auth);
  const warned = once(process, "warning");
  const { status, text } = await call(crm.url);
  const message =
    'Server "crm": TOKEN is not set. Set it, or load a file that has it with node --env-file=FILE.';
  expect([status, JSON.parse(text).error.message]).toEqual([200, message]);
  expect((await warned)[0]).toMatchObject({ name: "McpAuthWarning", message, code: "secret_unavailable" });
  const more: unknown[] = [];
  const count = (warning: unknown) => more.push(warning);
  process.on("warning", count);
  await call(crm.url);
  process.off("warning", count);
  expect(more).toEqual([]);
});

test("there are no servers for the Claude Agent SDK if the config lacks one of the names", async () => {
  const auth = await runtime();
  // @ts-expect-error: the config has no such server
  await expect(mcpServers(auth, ["crn"])).rejects.toMatchObject({ code: "unknown_server" });
});

test("a headersHelper runs the command for the named server", () => {
  expect(headersHelper("crm.eu")).toEqual({ headersHelper: "npx mcp-auth-runtime headers crm.eu" });
});

test.each(["", "crm; id", "$(id)", "-x"])("a headersHelper for the name %j is refused", (name) => {
  expect(() => headersHelper(name)).toThrow(expect.objectContaining({ code: "config_invalid" }));
});

test("a headersHelper needs a Claude Agent SDK that runs it again", async () => {
  await installHosts({ "@anthropic-ai/claude-agent-sdk": "0.3.191" });
  expect(() => headersHelper("crm")).toThrow(
    expect.objectContaining({
      code: "config_invalid",
      message:
        '@anthropic-ai/claude-agent-sdk 0.3.191 is too old: it does not run the "headersHelper" again after a 401. ' +
        "Install version 0.3.193 or later.",
    }),
  );
});

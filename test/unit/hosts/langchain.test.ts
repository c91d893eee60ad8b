import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { expect, onTestFinished, test } from "vitest";
import { managersOf } from "../../../src/hosts/common/managers-of.js";
import type { LangChainTool } from "../../../src/hosts/langchain/langchain-tool.js";
import type { McpLibraries } from "../../../src/hosts/langchain/libraries.js";
import { loadToolsWith } from "../../../src/hosts/langchain/load-tools.js";
import { loadTools } from "../../../src/hosts/langchain.js";
import { createMcpAuth } from "../../../src/index.js";
import { startAuthorizationServer } from "../../support/authorization-server.js";
import { startMcpServer } from "../../support/mcp-server.js";
import { installHosts } from "./installed-host.js";

const secret = "secret-of-the-agent";

/** Starts two servers with a tool each. The second has a long deadline. */
async function runtime() {
  const scopes = ["tools:call"];
  const issuer = await startAuthorizationServer({ clients: [{ id: "agent", secret, scopes }], scopes });
  onTestFinished(() => issuer.close());
  const crm = await startMcpServer({ issuer: issuer.issuer, scopes });
  onTestFinished(() => crm.close());
  const wiki = await startMcpServer({ issuer: issuer.issuer, scopes });
  onTestFinished(() => wiki.close());
  const grant = { client: { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } } };
  const auth = await createMcpAuth({
    config: {
      servers: {
        crm: { url: crm.url, grant },
        wiki: { url: wiki.url, grant, deadline: "2m" },
        locked: {
          url: `${wiki.url}/locked`,
          grant: { client: { ...grant.client, secret: { env: "NO_SECRET" } } },
        },
      },
    },
    env: { SECRET: secret },
  });
  onTestFinished(() => auth.stop());
  return { auth, issuer };
}

/** The SDK, and a `loadMcpTools()` whose tools do as those of LangChain do. */
function libraries() {
  const closed: string[] = [];
  const options: Record<string, unknown> = {};
  const fake = {
    Client,
    StreamableHTTPClientTransport,
    async loadMcpTools(server: string, client: Client, given: object) {
      options[server] = given;
      client.onclose = () => closed.push(server);
      const { tools } = await client.listTools();
      return tools.map(({ name }) => ({
        name,
        invoke: (input: Record<string, unknown>) => client.callTool({ name, arguments: input }),
      }));
    },
  };
  // Only the members that the test uses are there.
  return { libraries: fake as unknown as McpLibraries, options, closed };
}

function named(tools: readonly LangChainTool[], name: string): LangChainTool {
  const tool = tools.find((each) => each.name === name);
  if (tool === undefined) throw new Error(`There is no tool ${name}.`);
  return tool;
}

test("the tools for LangChain are those of all servers, and their calls carry a token", async () => {
  const { auth, issuer } = await runtime();
  const { libraries: given, options, closed } = libraries();
  const { tools, close } = await loadToolsWith(given, managersOf(auth, ["crm", "wiki"]), true);
  expect(tools.map(({ name }) => name)).toEqual(["echo", "echo"]);
  expect(options).toEqual({
    crm: { prefixToolNameWithServerName: true },
    // The SDK waits a minute, which is shorter than the deadline.
    wiki: { prefixToolNameWithServerName: true, defaultToolTimeout: 135_000 },
  });
  const answer = await named(tools, "echo").invoke({ text: "hello" });
  expect(answer).toMatchObject({ content: [{ type: "text", text: "hello" }] });
  expect(issuer.tokenRequests).toHaveLength(2);
  await close();
  expect(closed.sort()).toEqual(["crm", "wiki"]);
  await expect(named(tools, "echo").invoke({ text: "hello" })).rejects.toThrow();
});

test("loading the tools for LangChain fails with our error, and leaves no connection open", async () => {
  const { auth } = await runtime();
  const { libraries: given, closed } = libraries();
  const loading = loadToolsWith(given, managersOf(auth, ["crm", "locked"]), false);
  await expect(loading).rejects.toMatchObject({ code: "secret_unavailable", server: "locked" });
  expect(closed).toEqual(["crm"]);
});

test("there are no tools for LangChain if the config lacks a server or a package is missing", async () => {
  const { auth } = await runtime();
  // @ts-expect-error: the config has no such server
  await expect(loadTools(auth, ["crn"])).rejects.toMatchObject({ code: "unknown_server" });
  await expect(loadTools(auth, ["crm"])).rejects.toMatchObject({
    code: "config_invalid",
    message:
      "Could not load the tools for LangChain: a package that this needs is not installed. " +
      "Run: npm install @langchain/mcp-adapters @modelcontextprotocol/sdk@1",
  });
});

test.each([
  [
    "@modelcontextprotocol/sdk",
    "1.14.0",
    'it ignores "fetch" and would send its requests without a token',
    "1.15.0",
  ],
  ["@langchain/mcp-adapters", "0.5.3", "its tools have no option for a time limit", "0.5.4"],
])("the tools for LangChain need a newer %s than %s", async (name, version, reason, minimum) => {
  const { auth } = await runtime();
  await installHosts({ [name]: version });
  await expect(loadTools(auth, ["crm"])).rejects.toMatchObject({
    code: "config_invalid",
    message: `${name} ${version} is too old: ${reason}. Install version ${minimum} or later.`,
  });
});

// A project with an .mcp.json, which hosts read, and a config. The two files share only URLs.
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { startScriptedServer, startWorld, type World } from "./harness.js";
import { createProject, type Project, printed } from "./register-project.js";

/** A host: connects to the servers in .mcp.json, calls a tool, and prints the results. */
const host = `
  import { readFile } from "node:fs/promises";
  import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

  const { mcpServers } = JSON.parse(await readFile(".mcp.json", "utf8"));
  const { url, headers } = mcpServers.crm;
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  const call = async (text) => (await client.callTool({ name: "echo", arguments: { text } })).content[0].text;
  const texts = Array.from({ length: 10 }, (_, index) => "call " + index);
  const answers = await Promise.all(texts.map(call));
  await client.close();

  const { status } = mcpServers;
  const other = await (await fetch(status.url, { headers: status.headers })).json();
  console.log(JSON.stringify({ answers, other }));
`;

/** Creates a project with the host. `headers` are those of the config's server in .mcp.json. */
async function hostIn(
  { mcp, config, env }: World,
  headers?: Readonly<Record<string, string>>,
): Promise<Project> {
  const project = await createProject(config, env, host);
  const packages = fileURLToPath(new URL("../../node_modules/@modelcontextprotocol", import.meta.url));
  await symlink(packages, join(project.folder, "node_modules/@modelcontextprotocol"));
  // A server that is not in the config. It returns the Authorization header that it gets.
  const status = await startScriptedServer(({ headers: { authorization } }, response) =>
    sendJson(response, { authorization }),
  );
  const mcpServers = {
    crm: { type: "http", url: mcp.url, headers },
    status: { type: "http", url: status.origin, headers: { Authorization: "Bearer of-its-own" } },
  };
  await project.write(".mcp.json", JSON.stringify({ mcpServers }));
  return project;
}

const answered = {
  answers: Array.from({ length: 10 }, (_, index) => `call ${index}`),
  other: { authorization: "Bearer of-its-own" },
};

test("a host with a plain URL in .mcp.json calls the server with one token, and other servers with its own headers", async () => {
  const world = await startWorld();
  const project = await hostIn(world);
  expect(printed(await project.run())).toEqual(answered);
  expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([1, 0]);
});

test("a host with an Authorization header in .mcp.json for a server calls it with the token, with one warning", async () => {
  const world = await startWorld();
  const project = await hostIn(world, { Authorization: "Bearer left-over" });
  const { stdout, stderr } = await project.run();
  expect(JSON.parse(stdout)).toEqual(answered);
  expect(stderr.match(/McpAuthWarning: .*/g)).toEqual([
    expect.stringMatching(/Server "tools": .*Authorization.*"headers"/),
  ]);
  expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([1, 0]);
});

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { Ask } from "../../src/cli/io.js";
import { sendJson } from "../support/http-server.js";
import { command, project } from "../unit/cli/command.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

const configFile = "mcp-auth.config.json";

async function hostProject(file: string, content: unknown): Promise<string> {
  const cwd = await project();
  await mkdir(dirname(join(cwd, file)), { recursive: true });
  await writeFile(join(cwd, file), typeof content === "string" ? content : JSON.stringify(content));
  return cwd;
}

const configIn = async (cwd: string): Promise<unknown> =>
  JSON.parse(await readFile(join(cwd, configFile), "utf8"));

test.each([
  [".mcp.json", "mcpServers", (url: string) => ({ type: "http", url })],
  [".vscode/mcp.json", "servers", (url: string) => ({ type: "http", url })],
  [".cursor/mcp.json", "mcpServers", (url: string) => ({ url })],
  [".gemini/settings.json", "mcpServers", (httpUrl: string) => ({ httpUrl })],
  ["windsurf.json", "mcpServers", (serverUrl: string) => ({ serverUrl })],
])("init --from %s imports the URL of a server that requires a token", async (file, section, entry) => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject(file, { [section]: { crm: entry(mcp.url), local: { command: "node" } } });
  const done = await command(["init", "--from", file, "--client-id", "agent", "--issuer", issuer.issuer], {
    cwd,
  });
  expect(done).toMatchObject({ code: 0 });
  expect(done.err).toContain('"local" is left out');
  const client = { issuer: issuer.issuer, id: "agent", secret: { env: "CRM_SECRET" } };
  expect(await configIn(cwd)).toEqual({ import: `./${file}`, servers: { crm: { grant: { client } } } });
  expect(await command(["token", "crm"], { cwd, env: { CRM_SECRET: agentSecret } })).toMatchObject({
    code: 0,
  });
});

test("init --from adds only servers that require a token, and never copies a token", async () => {
  const { mcp, issuer } = await startWorld();
  const open = await startScriptedServer(({ url }, response) =>
    sendJson(response, { jsonrpc: "2.0", id: 1, result: {} }, url === "/mcp" ? 200 : 404),
  );
  const gone = await startScriptedServer((_, response) => sendJson(response, {}));
  await gone.close();
  const token = "literal-token-of-jira";
  const cwd = await hostProject(".mcp.json", {
    mcpServers: {
      crm: { url: mcp.url },
      open: { url: `${open.origin}/mcp` },
      gone: { url: `${gone.origin}/mcp` },
      jira: { url: mcp.url, headers: { Authorization: `Bearer ${token}` } },
      "with space": { url: mcp.url },
      later: { url: "${LATER_URL}" },
    },
  });
  const done = await command(["init", "--from", ".mcp.json", "--issuer", issuer.issuer], { cwd });
  expect(done).toMatchObject({ code: 0 });
  for (const why of [
    '"open" is left out: it does not require a token',
    '"gone" is left out: it could not be asked',
    '"jira" is left out: it has an Authorization of its own',
    '"with space" is left out: its name',
    '"later" is left out: its URL needs the variable LATER_URL',
  ]) {
    expect(done.err).toContain(why);
  }
  const text = await readFile(join(cwd, configFile), "utf8");
  expect(text + done.out + done.err).not.toContain(token);
  expect(Object.keys(JSON.parse(text).servers)).toEqual(["crm"]);
});

test("init --from gives each server a client of its own, and says which", async () => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject(".mcp.json", {
    mcpServers: { crm: { url: mcp.url }, erp: { url: `${mcp.url}?a=b` } },
  });
  const done = await command(["init", "--from", ".mcp.json", "--issuer", issuer.issuer], { cwd });
  expect(done).toMatchObject({ code: 0 });
  const client = (id: string, env: string) => ({ issuer: issuer.issuer, id, secret: { env } });
  expect(await configIn(cwd)).toEqual({
    import: "./.mcp.json",
    servers: {
      crm: { grant: { client: client("${CRM_CLIENT_ID}", "CRM_SECRET") } },
      erp: { grant: { client: client("${ERP_CLIENT_ID}", "ERP_SECRET") } },
    },
  });
  expect(done.out).toContain("  crm: client id from CRM_CLIENT_ID, secret from CRM_SECRET\n");
  expect(done.out).toContain("  erp: client id from ERP_CLIENT_ID, secret from ERP_SECRET\n");
  expect(done.out).toContain("npx mcp-auth-runtime token erp --env-file .env");
});

test("init --from gives servers of one issuer the client that --client-id names", async () => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject(".mcp.json", {
    mcpServers: { crm: { url: mcp.url }, erp: { url: `${mcp.url}?a=b` } },
  });
  const options = ["--issuer", issuer.issuer, "--client-id", "agent"];
  const done = await command(["init", "--from", ".mcp.json", ...options], { cwd });
  expect(done).toMatchObject({ code: 0 });
  expect(await configIn(cwd)).toEqual({
    import: "./.mcp.json",
    clients: { crm: { issuer: issuer.issuer, id: "agent", secret: { env: "CRM_SECRET" } } },
    servers: { crm: { grant: { client: "crm" } }, erp: { grant: { client: "crm" } } },
  });
  expect(done.out).toContain("  erp: client id agent, secret from CRM_SECRET\n");
});

test("a person can say that two servers of a file share a client", async () => {
  const { mcp } = await startWorld();
  const cwd = await hostProject(".mcp.json", {
    mcpServers: { crm: { url: mcp.url }, erp: { url: `${mcp.url}?a=b` } },
  });
  const ask: Ask = {
    confirm: async () => true,
    text: async () => "agent",
    async select(message, choices) {
      const wanted = message === 'Client of "erp"' ? 'the same as that of "crm"' : choices[0]?.label;
      return choices.find(({ label }) => label === wanted)?.value ?? "";
    },
  };
  expect(await command(["init", "--from", ".mcp.json"], { cwd, ask })).toMatchObject({ code: 0 });
  expect(await configIn(cwd)).toMatchObject({
    clients: { crm: { id: "agent" } },
    servers: { crm: { grant: { client: "crm" } }, erp: { grant: { client: "crm" } } },
  });
});

test("init --from with --name adds one server of the file, and a second call adds the next", async () => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject(".mcp.json", {
    mcpServers: { crm: { url: mcp.url }, ledger: { url: `${mcp.url}?a=b` } },
  });
  await writeFile(join(cwd, "bot.pem"), "");
  const from = ["init", "--from", ".mcp.json", "--issuer", issuer.issuer];
  const ledger = ["--name", "ledger", "--client-id", "ledger-bot", "--key", "bot.pem"];
  expect(await command([...from, ...ledger], { cwd })).toMatchObject({ code: 0 });
  const crm = ["--name", "crm", "--client-id", "agent"];
  expect(await command([...from, ...crm], { cwd })).toMatchObject({ code: 0 });
  const key = { privateKey: { file: "./bot.pem" } };
  const secret = { env: "CRM_SECRET" };
  expect(await configIn(cwd)).toEqual({
    import: "./.mcp.json",
    servers: {
      ledger: { grant: { client: { issuer: issuer.issuer, id: "ledger-bot", key } } },
      crm: { grant: { client: { issuer: issuer.issuer, id: "agent", secret } } },
    },
  });
  const wrong = await command([...from, "--name", "leger"], { cwd });
  expect(wrong).toMatchObject({ code: 2, out: "" });
  expect(wrong.err).toContain('.mcp.json has no server "leger". It has crm, ledger');
});

test("on a terminal, init finds the file of a host, and adds the server that the person chooses", async () => {
  const { mcp } = await startWorld();
  const servers = { crm: { url: mcp.url }, erp: { url: `${mcp.url}?a=b` } };
  const cwd = await hostProject(".mcp.json", { mcpServers: servers });
  const asked: string[] = [];
  const ask: Ask = {
    confirm: async () => true,
    text: async () => "agent",
    async select(message, choices) {
      asked.push(message);
      return (choices.find(({ value }) => value === "erp") ?? choices[0])?.value ?? "";
    },
  };
  expect(await command(["init"], { cwd, ask })).toMatchObject({ code: 0 });
  expect(asked.slice(0, 2)).toEqual(["Which servers?", "These servers require a token. Which one?"]);
  expect(await configIn(cwd)).toMatchObject({ import: "./.mcp.json", servers: { erp: { grant: {} } } });
  expect(await readFile(join(cwd, configFile), "utf8")).not.toContain('"crm"');
});

test("init --from writes URLs, with their variables, if the config imports another file", async () => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject("other.json", { mcpServers: { crm: { url: "${MCP_URL}" } } });
  await writeFile(join(cwd, ".mcp.json"), '{"mcpServers":{}}');
  await writeFile(join(cwd, configFile), '{\n  "import": "./.mcp.json",\n  "servers": {}\n}\n');
  const options = ["--from", "other.json", "--issuer", issuer.issuer, "--client-id", "agent"];
  const done = await command(["init", ...options], { cwd, env: { MCP_URL: mcp.url } });
  expect(done).toMatchObject({ code: 0 });
  expect(await configIn(cwd)).toMatchObject({
    import: "./.mcp.json",
    servers: { crm: { url: "${MCP_URL}" } },
  });
});

test("init --from prints no value that a variable puts into a URL, also for a server that is left out", async () => {
  const { mcp, issuer } = await startWorld();
  const keys = { MCP_KEY: "k3y-of-the-te$t/1", PATH_KEY: "k3y-in-a-path" };
  const env = { ...keys, MCP_URL: `${mcp.url}?key=k3y-in-a-url` };
  const cwd = await hostProject(".mcp.json", {
    mcpServers: {
      crm: { url: `${mcp.url}?key=\${MCP_KEY}` },
      erp: { url: "${MCP_URL}" },
      away: { url: "https://127.0.0.2:1/${PATH_KEY}/mcp" },
      wrong: { url: `${mcp.url}/\${PATH_KEY}` },
    },
  });
  const options = ["--from", ".mcp.json", "--client-id", "agent", "--issuer", issuer.issuer];
  const done = await command(["init", ...options], { cwd, env });
  expect(done).toMatchObject({ code: 0 });
  expect(done.out + done.err).not.toMatch(/k3y/);
  expect(done.err).toContain(`${mcp.url}?key=\${MCP_KEY}`);
  expect(done.err).toContain(`${mcp.url}?key=\${MCP_URL}`);
});

test("without a terminal, init --from leaves out a server whose issuer is at another origin, and prints the command", async () => {
  const { mcp, issuer } = await startWorld();
  const cwd = await hostProject(".mcp.json", { mcpServers: { crm: { url: mcp.url } } });
  const done = await command(["init", "--from", ".mcp.json"], { cwd });
  expect(done).toMatchObject({ code: 2, out: "" });
  expect(done.err).toContain(
    `\n  npx mcp-auth-runtime init --from .mcp.json --name crm --issuer ${issuer.issuer}\n`,
  );
  expect(done.err).toContain("Nothing was written");
});

test.each([
  ["missing.json", undefined, "does not exist"],
  ["a.json", "{", "is not JSON"],
  ["a.json", {}, "has neither"],
])("init --from %s reports a file that is none", async (file, content, why) => {
  const cwd = content === undefined ? await project() : await hostProject(file, content);
  const done = await command(["init", "--from", file], { cwd });
  expect(done).toMatchObject({ code: 2, out: "", err: expect.stringContaining(why) });
});

// docs/troubleshooting.md quotes what the program prints. Each quoted block is produced here.

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { expect, test } from "vitest";
import { storeFailure } from "../../src/stores/failure.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { mcpAnswers } from "./causes/mcp-answers.js";
import { runScenario, type Scenario } from "./causes/scenario.js";
import { ask, startProxied, tokenConfig } from "./proxied.js";

const page = readFile(new URL("../../docs/troubleshooting.md", import.meta.url), "utf8");

/** The block of the page below a comment, also inside a list. */
async function quoted(symptom: string): Promise<string> {
  const [, rest = ""] = (await page).split(`<!-- test: symptom ${symptom} -->\n`);
  const [, block = ""] = /^ *```text\n(.*?)\n *```/s.exec(rest) ?? [];
  expect(block, symptom).not.toBe("");
  return block.replaceAll(/^ {3}(?=\S)/gm, "");
}

const refused = { status: 401, body: { error: "invalid_client" } };
const storeKey = Buffer.alloc(32, 7).toString("base64url");

/** An MCP server without metadata that refuses calls with this text in their body. */
const refusing = (text: string, status: number, challenge: string) => (): Handler => (request, response) => {
  if (request.url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
  if (!request.body.includes(text)) return mcpAnswers()(request, response);
  response.writeHead(status, { "www-authenticate": challenge }).end();
};

const clientWith =
  (secret: object, members: object = {}): Scenario["server"] & object =>
  ({ issuer }) => ({
    // References are data, whose exact types do not matter here.
    grant: { client: { issuer, id: "crm-agent", secret }, ...members } as never,
  });

const scenarios: Readonly<Record<string, Omit<Scenario, "words">>> = {
  config: {
    prepare: async (folder) => void (await mkdir(join(folder, "agents", "crm", ".git"), { recursive: true })),
    runIn: "agents/crm",
  },
  env: {
    env: {},
    prepare: (folder) => writeFile(join(folder, ".env"), "CRM_SECRET=s3cr3t\n", { mode: 0o600 }),
    argv: ["validate", "--secrets"],
  },
  empty: { env: { CRM_SECRET: "" } },
  client: { judge: () => refused },
  curl: {
    judge: ({ headers }) => (headers.authorization === undefined ? undefined : refused),
    argv: ["doctor", "crm", "--try"],
  },
  issuer: { issuer: () => (_request, response) => sendJson(response, {}, 404) },
  unauthorized: { mcp: refusing("", 401, 'Bearer error="invalid_token"'), argv: ["doctor", "crm"] },
  tools: {
    mcp: refusing("tools/list", 403, 'Bearer error="insufficient_scope", scope="crm.write"'),
    argv: ["doctor", "crm"],
  },
  scopes: {
    token: () => (_request, response) =>
      sendJson(response, {
        access_token: "granted",
        token_type: "Bearer",
        expires_in: 600,
        scope: "crm.read",
      }),
    server: clientWith({ env: "CRM_SECRET" }, { scopes: ["crm.read", "crm.write"] }),
  },
  "no proxy": { argv: ["status"] },
  hang: {
    server: clientWith({
      exec: [process.execPath, "-e", "setInterval(() => {}, 1000)"],
      timeout: "500ms",
    }),
  },
  memory: { argv: ["doctor", "crm"] },
  pause: {
    token: () => (_request, response) => void response.writeHead(429, { "retry-after": "3600" }).end(),
  },
  redis: {
    top: () => ({
      store: { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "STORE_KEY" } },
    }),
    env: { CRM_SECRET: "s3cr3t", REDIS_URL: "redis://127.0.0.1:9", STORE_KEY: storeKey },
  },
  clock: { ahead: 700, argv: ["doctor", "crm"] },
};

test.each(Object.entries(scenarios))(
  "docs/troubleshooting.md quotes what is printed: %s",
  async (symptom, scenario) => {
    const { out, err, config } = await runScenario({ words: symptom, ...scenario });
    // The scenario has written it.
    const { servers } = JSON.parse(config) as {
      servers: { crm: { url: string; grant: { client: { issuer: string } } } };
    };
    const printed = `${out}${err}`
      .replaceAll(servers.crm.grant.client.issuer, "https://auth.example")
      .replaceAll(new URL(servers.crm.url).origin, "https://crm.example")
      .replaceAll(/\/\S*mcp-auth-test-\w+/g, "/srv")
      .replaceAll(process.execPath, "vault")
      .replaceAll(/ +\d+ ms$/gm, "");
    // Other lines may stand between those of the page.
    for (const line of (await quoted(symptom)).split("\n")) expect(printed).toContain(line);
  },
);

test("docs/troubleshooting.md quotes why the proxy refuses a request", async () => {
  const { origin, localToken } = await startProxied(tokenConfig("http://127.0.0.1:1/mcp"));
  const said = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
    (await ask(`${origin}${path}`, { headers })).text;
  expect(await said("/wrong/tools")).toBe(await quoted("proxy"));
  expect(await said("/.well-known/oauth-protected-resource")).toBe(await quoted("login"));
  const reasons = await Promise.all([
    said("/wrong/tools"),
    said(`/${localToken}/tools`, { host: "localhost:1" }),
    said(`/${localToken}/tools`, { "sec-fetch-site": "cross-site" }),
    said("/-/status"),
  ]);
  const rows = [...(await page).matchAll(/^\| `(T[^`]+)`/gm)].map(([, text = ""]) => text);
  for (const reason of reasons) {
    const shown = reason.replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:8484");
    expect(rows.filter((row) => shown.startsWith(row))).toHaveLength(1);
  }
});

test("docs/troubleshooting.md quotes what a host says when the command that it has started ends", async () => {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["-e", ""],
    stderr: "ignore",
  });
  const connected = new Client({ name: "host", version: "1.0.0" }).connect(transport);
  await expect(connected).rejects.toThrow(await quoted("closed"));
});

test("docs/troubleshooting.md quotes why a store on a read-only file system cannot be used", async () => {
  const error = Object.assign(new Error("x"), { code: "EROFS" });
  const { message } = storeFailure(error, { kind: "file", place: "/store" }) ?? {};
  expect(message).toContain(await quoted("read-only"));
});

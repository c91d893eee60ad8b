// What `doctor` does with the command line, the config, several servers, and sessions of MCP servers.
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { createMcpHandler, McpServer } from "@modelcontextprotocol/server";
import { expect, onTestFinished, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { sendJson } from "../support/http-server.js";
import { listen } from "../support/listen.js";
import { startSessionServer } from "../support/session-server.js";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { command, project } from "../unit/cli/command.js";
import { diagnose, runDoctor, stepOf } from "./doctor.js";
import { startServers } from "./doctor-servers.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

test("a config with mistakes is listed, no server is checked, and the exit code is 2", async () => {
  const config = { servers: { crm: { url: "https://crm.example/mcp", grunt: {} } }, sturre: {} };
  const { code, report } = await diagnose({ config, env: {} });
  expect(report).toMatchObject({ ok: false, servers: [] });
  const step = stepOf(report.shared, "config");
  expect(step).toMatchObject({ verdict: "fail", code: "config_invalid", finding: "config_mistake" });
  expect(JSON.stringify([report.todo?.text, step.more])).toContain("grunt");
  expect(JSON.stringify([report.todo?.text, step.more])).toContain("sturre");
  expect(code).toBe(2);
});

test("a folder without a config is a failure of the step config, with every place that was searched", async () => {
  const cwd = await project();
  const { code, out } = await command(["doctor", "--json"], { cwd });
  const { shared, todo } = JSON.parse(out);
  expect(shared).toMatchObject([{ step: "config", verdict: "fail", code: "config_not_found" }]);
  expect(JSON.stringify([shared, todo])).toContain("mcp-auth.config.json");
  expect(code).toBe(2);
});

test("a server with an unset variable is blamed alone, and the others are checked", async () => {
  const world = await startWorld();
  const { tools } = world.config.servers;
  const config = { servers: { broken: { ...tools, url: "${GONE_URL}" }, tools } };
  const { code, report } = await diagnose({ config, env: world.env });
  const [broken, whole] = report.servers;
  expect(broken).toMatchObject({ server: "broken", ok: false, steps: [{ step: "config", verdict: "fail" }] });
  expect(broken?.todo?.text).toContain("GONE_URL");
  expect([whole?.server, whole?.ok]).toEqual(["tools", true]);
  expect(code).toBe(2);
});

test("a secret that is not set is blamed by name, and what needs it is skipped", async () => {
  const world = await startWorld();
  const { code, server, blamed } = await diagnose({ ...world, env: {} });
  expect(blamed).toEqual(["fail secrets: "]);
  expect(stepOf(server.steps, "secrets").message).toBe("SECRET is not set");
  expect(server.todo?.text).toMatch(/^SECRET is not set\. Set it/);
  expect(stepOf(server.steps, "token")).toMatchObject({ verdict: "skip", message: "no secret" });
  expect(stepOf(server.steps, "issuer metadata").verdict).toBe("pass");
  expect(world.issuer.tokenRequests).toEqual([]);
  expect(code).toBe(2);
});

test("white space around a secret is a warning, and a rejected token names it as what to do", async () => {
  const world = await startWorld();
  const { code, server, blamed } = await diagnose({ ...world, env: { SECRET: `${agentSecret} ` } });
  expect(blamed[0]).toMatch(/^warn secrets: secret_/);
  expect(blamed[1]).toMatch(/^fail token: /);
  expect(stepOf(server.steps, "token")).toMatchObject({ code: "token_request_rejected" });
  expect(server.todo?.text).toContain("SECRET");
  expect(code).toBe(3);
});

test("a wrong secret is blamed by the step of the token, also with a bare 401 or 400", async () => {
  const world = await startWorld();
  const wrong = await diagnose({ ...world, env: { SECRET: "another-secret" } });
  expect(wrong.blamed).toEqual([expect.stringMatching(/^fail token: ./)]);
  for (const status of [400, 401]) {
    const issuer = await startScriptedServer((request, response) => {
      if (request.url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, status);
      return sendJson(response, { issuer: issuer.origin, token_endpoint: `${issuer.origin}/token` });
    });
    const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
    const config = { servers: { tools: { url: world.mcp.url, resourceMetadata: false, grant: { client } } } };
    const { code, server } = await diagnose({ config, env: world.env });
    expect(stepOf(server.steps, "token")).toMatchObject({ verdict: "fail", code: "token_request_rejected" });
    expect(server.todo?.text).not.toBe("");
    expect(code).toBe(3);
  }
});

test("a method that the server does not list stops the token before a secret is sent", async () => {
  const servers = await startServers({
    metadata: () => ({ token_endpoint_auth_methods_supported: ["private_key_jwt"] }),
  });
  const { code, server } = await diagnose(servers);
  expect(stepOf(server.steps, "capability")).toMatchObject({
    verdict: "fail",
    code: "unsupported_by_server",
  });
  expect(stepOf(server.steps, "token")).toMatchObject({ verdict: "skip", message: "no usable method" });
  expect(servers.bodies("/token")).toEqual([]);
  expect(code).toBe(3);
});

test("scopes that no server lists are a warning, and a grant type is only noted, because lists are often incomplete", async () => {
  const lists = { grant_types_supported: ["authorization_code"], scopes_supported: ["openid"] };
  const scoped = await diagnose(
    await startServers({ grant: { scopes: ["crm:read"] }, metadata: () => lists }),
  );
  expect(scoped.blamed).toEqual(["warn capability: scopes_not_listed"]);
  expect(stepOf(scoped.server.steps, "capability").message).toContain(
    "Neither server lists the scope crm:read",
  );
  expect(scoped.code).toBe(0);
  const { server, blamed } = await diagnose(await startServers({ metadata: () => lists }));
  expect(blamed).toEqual([]);
  expect(stepOf(server.steps, "capability").message).toBe(
    "client_credentials, not listed there, client_secret_basic",
  );
});

test("named servers are checked in the order of the command line, and all in the order of the config", async () => {
  const world = await startWorld();
  const { tools } = world.config.servers;
  const config = { servers: { c: tools, a: tools, b: tools } };
  const all = await diagnose({ ...world, config });
  expect(all.report.servers.map(({ server }) => server)).toEqual(["c", "a", "b"]);
  const some = await diagnose({ ...world, config }, ["b", "c"]);
  expect(some.report.servers.map(({ server }) => server)).toEqual(["b", "c"]);
});

test("an unknown server is an error with the near name", async () => {
  const world = await startWorld();
  const { code, err } = await runDoctor(world, ["tolls"]);
  expect(err).toContain('Did you mean "tools"?');
  expect(code).toBe(2);
});

test("an interrupt ends doctor at once with exit code 130", async () => {
  const asked = deferred<void>();
  const issuer = await startScriptedServer(() => {
    asked.resolve();
    return new Promise(() => {});
  });
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const config = { servers: { tools: { url: `${issuer.origin}/mcp`, grant: { client } } } };
  const cwd = await project({ "mcp-auth.config.json": JSON.stringify(config) });
  const interrupt = new AbortController();
  const running = command(["doctor"], { cwd, env: { SECRET: agentSecret }, signal: interrupt.signal });
  await asked.promise;
  interrupt.abort();
  expect((await running).code).toBe(130);
});

test("a server that never answers ends with a timeout within its limits", async () => {
  const issuer = await startScriptedServer(() => new Promise(() => {}));
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const times = { timeout: "50ms", deadline: "100ms" };
  const config = { servers: { tools: { url: `${issuer.origin}/mcp`, ...times, grant: { client } } } };
  const { code, server, blamed } = await diagnose({ config, env: { SECRET: agentSecret } });
  expect(blamed[0]).toBe("fail server: no_answer_in_time");
  expect(server.todo?.text).toContain('raise "timeout"');
  expect(code).toBe(4);
});

test("the session that the check began is ended with DELETE", async () => {
  const sessions = await startSessionServer({ sdk: "v2", tools: () => {} });
  onTestFinished(() => sessions.close());
  const config = {
    servers: { tools: { url: sessions.url, grant: { type: "static", token: { env: "TOKEN" } } } },
  };
  const { server, blamed } = await diagnose({ config, env: { TOKEN: "a-token-of-somebody" } });
  expect(blamed).toEqual([]);
  expect(stepOf(server.steps, "call").message).toContain("initialize");
  expect(sessions.requests.map(({ method, rpc }) => rpc ?? method)).toEqual([
    ...["ping", "initialize", "notifications/initialized", "tools/list", "DELETE"],
  ]);
  expect(sessions.sessions.size).toBe(0);
});

test("a server of MCP 2026-07-28 alone, which knows no initialize, accepts tools/list", async () => {
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: "modern", version: "1.0.0" });
      server.registerTool("now", {}, () => ({ content: [] }));
      return server;
    },
    { legacy: "reject" },
  );
  onTestFinished(() => handler.close());
  const answer = toNodeHandler(handler);
  const listening = await listen(() => (request, response) => {
    // The SDK's request type has no `undefined` in optional properties, Node's does.
    void answer(request as Parameters<typeof answer>[0], response);
  });
  onTestFinished(() => listening.close());
  const grant = { type: "static", token: { env: "TOKEN" } };
  const config = { servers: { tools: { url: `${listening.origin}/mcp`, grant } } };
  const { code, server, blamed } = await diagnose({ config, env: { TOKEN: "a-token-of-somebody" } });
  expect(blamed).toEqual([]);
  expect(stepOf(server.steps, "call").message).toBe("tools/list accepted, 1 tool");
  expect(code).toBe(0);
});

test("a failure is followed by the one thing to do, after the steps of its server", async () => {
  const world = await startWorld();
  const { out } = await runDoctor({ ...world, env: {} });
  const lines = out.split("\n");
  const from = lines.indexOf(lines.find((line) => line.startsWith("tools  ")) ?? "");
  expect(lines[from + 1]).toMatch(/^fail {2}secrets {2,}SECRET is not set {2,}\d+ ms$/);
  expect(lines.filter((line) => line.startsWith("To do"))).toHaveLength(1);
  expect(lines.at(-2)).toMatch(/^To do \(secrets\): SECRET is not set\. Set it/);
});

test("a config that --config names is shown by its path from the working directory", async () => {
  const world = await startWorld();
  const folder = await temporaryFolder();
  await writeFile(join(folder, "agents.json"), JSON.stringify(world.config));
  const { out, code } = await command(["doctor", "--config", join(folder, "agents.json")], {
    cwd: folder,
    env: world.env,
  });
  expect(out).toMatch(/^pass {2}config {2,}agents\.json, 1 server/m);
  expect(code).toBe(0);
});

test("the example in docs/cli.md is what doctor prints, apart from names and times", async () => {
  const { code: documented = "" } =
    snippets(new URL("../../", import.meta.url), "docs/cli.md").find(({ mark }) => mark === "doctor") ?? {};
  const world = await startWorld();
  const client = { issuer: world.issuer.issuer, id: "agent", secret: { env: "CRM_SECRET" } };
  const config = { servers: { crm: { url: world.mcp.url, grant: { client } } } };
  const { out } = await runDoctor({ config, env: { CRM_SECRET: "another-secret" } });
  const plain = (text: string) =>
    text
      .replaceAll(world.mcp.url, "https://crm.example/mcp")
      .replaceAll(world.issuer.issuer, "https://auth.example")
      .replaceAll(/ +\d+ ms$/gm, " 1 ms")
      // A command that is a process of its own prints the server's explanation, and does not say where it is.
      .replace(/ `npx mcp-auth-runtime token .*?`details`\./, "")
      .trim();
  expect(plain(out)).toBe(plain(documented));
});

test("all secrets of the store that are missing are named at once, as the last thing to do", async () => {
  const world = await startWorld();
  const store = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "STORE_KEY" } };
  const { code, out } = await runDoctor({ ...world, config: { ...world.config, store } });
  const last = out.trimEnd().split("\n").at(-1);
  expect(last).toMatch(
    /^To do \(store\): REDIS_URL is not set\..* STORE_KEY is not set\..* 32 random bytes in base64url/,
  );
  expect(code).toBe(2);
});

test("with nothing but warnings, the last line counts them and names their steps", async () => {
  const servers = await startServers({
    grant: { scopes: ["crm:read"] },
    metadata: () => ({ scopes_supported: ["openid"] }),
  });
  const { code, out } = await runDoctor(servers);
  expect(out).toMatch(/\n\nPassed, with 1 warning: capability of \w+\.\n$/);
  expect(code).toBe(0);
});

test("a server that has a key needs no client secret", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const world = await startWorld();
  const client = { issuer: world.issuer.issuer, id: "agent", key: { privateKey: { env: "KEY" } } };
  const config = { servers: { tools: { url: world.mcp.url, grant: { client } } } };
  const env = { KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
  const { server } = await diagnose({ config, env });
  expect(stepOf(server.steps, "secrets").message).toBe("no client secret");
});

test("a rejection without a reason lists all that may be the cause", async () => {
  const issuer = await startScriptedServer((request, response) =>
    request.url === "/.well-known/oauth-authorization-server"
      ? sendJson(response, { issuer: issuer.origin, token_endpoint: `${issuer.origin}/token` })
      : sendJson(response, {}, 401),
  );
  const client = { issuer: issuer.origin, id: "agent", secret: { env: "SECRET" } };
  const config = {
    servers: { tools: { url: `${issuer.origin}/mcp`, resourceMetadata: false, grant: { client } } },
  };
  const { server } = await diagnose({ config, env: { SECRET: agentSecret } });
  expect(stepOf(server.steps, "token").message).toMatch(/ rejected the request \(401, without a reason\)$/);
  expect(server.todo).toMatchObject({
    finding: "client_secret",
    candidates: ["client_secret", "other_secret_method"],
  });
});

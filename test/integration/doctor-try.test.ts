// `doctor --try` finds the change of the config that works, and sends nothing anywhere that the config does not name.

import { generateKeyPairSync } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type Handler, type RecordedRequest, sendJson } from "../support/http-server.js";
import { snippets } from "../support/snippets.js";
import { command, project } from "../unit/cli/command.js";
import { unsignedJwt } from "../unit/oauth/fixtures.js";
import { mcpAnswers } from "./causes/mcp-answers.js";
import { diagnose, runDoctor } from "./doctor.js";
import { type Field, field, hasToken, type Product } from "./field.js";
import { sendToken } from "./harness.js";

const invalidClient = { error: "invalid_client" };

/** A token endpoint that accepts only the requests for which `accepts` returns true. */
function onlyIf(
  accepts: (form: URLSearchParams, request: RecordedRequest) => boolean,
  reject: object = invalidClient,
  status = 401,
): Pick<Product, "token"> {
  return {
    token: (request, response) =>
      accepts(new URLSearchParams(request.body), request)
        ? sendToken(response, "granted")
        : sendJson(response, reject, status),
  };
}

const working = { mcp: () => mcpAnswers(hasToken) } as const;
const onlyPost = onlyIf((form) => form.get("client_secret") === "s3cr3t");

/** The config as a person writes it. */
function clientOf({ issuer }: Pick<Field, "issuer">, more: object = {}) {
  return { issuer, id: "agent", secret: { env: "S" }, ...more };
}

/** The requests of the MCP server that had a token. */
function withToken({ mcpServer }: Field): readonly RecordedRequest[] {
  return mcpServer.requests.filter(({ headers }) => headers.authorization !== undefined);
}

test("the line that works is printed with its file and line, and no file is changed", async () => {
  const servers = await field({ ...onlyPost, ...working });
  const text = JSON.stringify(
    { servers: { tools: { url: servers.url, grant: { client: clientOf(servers) } } } },
    undefined,
    2,
  );
  const cwd = await project({ "mcp-auth.config.json": text });
  const { code, out, err } = await command(["doctor", "--try"], { cwd, env: servers.env });
  // The page has another server.
  const [shown] = snippets(new URL("../../", import.meta.url), "docs/cli.md").filter(
    ({ mark }) => mark === "doctor-try",
  );
  expect(shown?.code).toContain("This works: add at");
  expect(out).toContain(`${shown?.code.replaceAll("/crm/", "/tools/").trim()}\n`);
  // The config still has the fault.
  expect(code).toBe(3);
  expect(`${out}${err}`).not.toContain("s3cr3t");
  expect(await readFile(join(cwd, "mcp-auth.config.json"), "utf8")).toBe(text);
});

test("in YAML, the line is YAML, and a property that is there is changed", async () => {
  const servers = await field({ ...onlyPost, ...working });
  const text = [
    ...["servers:", "  tools:", `    url: ${servers.url}`, "    grant:", "      client: crm", "clients:"],
    ...["  crm:", `    issuer: ${servers.issuer}`, "    id: agent", "    secret: { env: S }"],
    ...["    method: client_secret_basic", ""],
  ].join("\n");
  const cwd = await project({ "mcp-auth.config.yaml": text });
  const { out } = await command(["doctor", "--try"], { cwd, env: servers.env });
  expect(out).toContain(
    "This works: change at /clients/crm (mcp-auth.config.yaml:11):\n" + '  method: "client_secret_post"\n',
  );
});

test("in package.json, the pointer is that of the file", async () => {
  const servers = await field({ ...onlyPost, ...working });
  const config = { servers: { tools: { url: servers.url, grant: { client: clientOf(servers) } } } };
  const cwd = await project({ "package.json": JSON.stringify({ name: "agent", "mcp-auth": config }) });
  const { out } = await command(["doctor", "--try"], { cwd, env: servers.env });
  expect(out).toContain("This works: add at /mcp-auth/servers/tools/grant/client (package.json:1):\n");
});

test("a server that wants proofs of possession is tried with them", async () => {
  const servers = await field({
    ...working,
    token: (request, response) =>
      request.headers["dpop"] === undefined
        ? sendJson(response, { error: "invalid_dpop_proof" }, 400)
        : sendJson(response, { access_token: "granted", token_type: "DPoP", expires_in: 600 }),
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server.works).toMatchObject({ pointer: "/servers/tools/dpop", value: true });
});

test("the change of a client with a name says which other servers use it", async () => {
  const servers = await field({ ...onlyPost, ...working });
  const server = { url: servers.url, grant: { client: "crm" } };
  const config = {
    clients: { crm: clientOf(servers) },
    servers: { tools: server, other: { ...server, url: `${servers.mcp}/other` } },
  };
  const { server: found } = await diagnose({ config, env: servers.env }, ["tools", "--try"]);
  expect(found.works).toMatchObject({ pointer: "/clients/crm/method", alsoAffects: ["other"] });
});

test("a secret with white space is tried without it, and is to be corrected where it is", async () => {
  const servers = await field({
    ...onlyIf((_form, { headers }) => headers.authorization === `Basic ${btoa("agent:s3cr3t")}`),
    ...working,
    env: { S: " s3cr3t " },
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server.works).toMatchObject({
    remedy: 'Remove the white space at the end of the secret in the environment variable "S".',
  });
  expect(server.works).not.toHaveProperty("value");
});

test("at most eight token requests are sent, to the token endpoint alone, and no token anywhere", async () => {
  const rejects = onlyIf(() => false, {}, 400);
  const servers = await field({
    ...rejects,
    ...working,
    config: ({ issuer }) => ({ grant: { client: clientOf({ issuer }), scopes: ["a", "b", "c", "d"] } }),
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server).toMatchObject({
    note: expect.stringMatching(
      /^None of these changes works alone; 8 requests are enough\. Not tested: the grant's "audience"/,
    ),
  });
  expect(server.tried).toHaveLength(8);
  // One of them is the request of the check itself.
  expect(servers.tokenRequests()).toHaveLength(9);
  const posts = servers.authorizationServer.requests.filter(({ method }) => method === "POST");
  expect(new Set(posts.map(({ url }) => url))).toEqual(new Set(["/token"]));
  expect(withToken(servers)).toEqual([]);
});

test.each<[string, object, number, Record<string, string>]>([
  ["asks to wait", {}, 429, { "retry-after": "60" }],
  ["is not available", {}, 503, {}],
  ["has locked the client", { ...invalidClient, error_description: "Account locked" }, 401, {}],
  ["denies what it only refused before", { error: "access_denied" }, 403, {}],
])("nothing more is tried once the authorization server %s", async (_, body, status, headers) => {
  let requests = 0;
  const servers = await field({
    token: (_request, response) => {
      requests += 1;
      if (requests === 1) return sendJson(response, {}, 401);
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
      return sendJson(response, body, status);
    },
    ...working,
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server.note).toMatch(/^Stopped, because /);
  expect(server.tried).toHaveLength(1);
  expect(requests).toBe(2);
});

test("nothing is tried with a refresh token, which a server may revoke with all that came from it", async () => {
  const servers = await field({ ...onlyIf(() => false, { error: "invalid_client" }), ...working });
  const config = {
    store: { type: "file", path: "./store", encryptionKey: { env: "K" } },
    servers: {
      tools: {
        url: servers.url,
        grant: { type: "refresh_token", client: clientOf(servers), refreshToken: { env: "R" } },
      },
    },
  };
  const env = { ...servers.env, R: "r3fresh", K: Buffer.alloc(32, 7).toString("base64url") };
  const { server } = await diagnose({ config, env }, ["--try"]);
  expect(server).toMatchObject({ ok: false, tried: [] });
  expect(server.note).toContain("Nothing is tried with a refresh token");
  expect(servers.tokenRequests()).toHaveLength(1);
});

test("an audience for which a key that several issuers know may not sign is not tried", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const servers = await field({ ...onlyIf(() => false), ...working });
  const grant = (issuer: string) => ({ client: { issuer, id: "agent", key: "shared" } });
  const config = {
    keys: { shared: { privateKey: { env: "KEY" } } },
    servers: {
      tools: { url: servers.url, grant: grant(servers.issuer) },
      other: { url: servers.url, grant: grant("https://auth.example") },
    },
  };
  const env = { KEY: String(privateKey.export({ type: "pkcs8", format: "pem" })) };
  const { server } = await diagnose({ config, env }, ["tools", "--try"]);
  const changes = (server.tried ?? []).map(({ change }) => change);
  expect(changes).toContain('the key\'s "kid": false');
  expect(changes.filter((change) => change.includes("assertionAudience"))).toEqual([]);
});

/** A token whose audience is what was requested, as some servers issue it. */
const jwtFor = (audience: string | null) => unsignedJwt({ aud: audience ?? "default" });

test("a token that the server refuses is tried for other names of the server, and never for none", async () => {
  const servers = await field({
    token: (request, response) =>
      sendToken(response, jwtFor(new URLSearchParams(request.body).get("audience"))),
    mcp: ({ mcp }) => mcpAnswers((request) => hasToken(request, jwtFor(mcp))),
  });
  const { server, blamed } = await diagnose(servers, ["--try"]);
  expect(blamed).toContain("fail call: token_audience");
  expect(server.works).toMatchObject({ pointer: "/servers/tools/grant/audience", value: servers.mcp });
  expect((server.tried ?? []).map(({ change }) => change)).not.toContain('the grant\'s "resource": false');
  for (const form of servers.tokenRequests()) expect(form.get("resource")).toMatch(`${servers.mcp}`);
});

test("a resource that only the server names is never requested", async () => {
  const servers = await field({
    mcp:
      ({ issuer }) =>
      (request, response) =>
        request.url.startsWith("/.well-known/oauth-protected-resource")
          ? sendJson(response, { resource: "https://bank.example", authorization_servers: [issuer] })
          : mcpAnswers(hasToken)(request, response),
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server.works).toMatchObject({ pointer: "/servers/tools/grant/resource", value: servers.url });
  for (const form of servers.tokenRequests()) expect(form.get("resource")).toBe(servers.url);
  // The server is asked whether it accepts the token.
  expect(withToken(servers).length).toBeGreaterThan(0);
});

/** An authorization server whose metadata names this issuer. */
function metadataOf(issuer: string, token_endpoint: string): Handler {
  return (request, response) =>
    request.url === "/.well-known/oauth-authorization-server"
      ? sendJson(response, { issuer, token_endpoint })
      : sendJson(response, {}, 404);
}

test("the issuer is tried with the slash that its own metadata has", async () => {
  const servers = await field({
    ...working,
    issuer: ({ issuer }) => metadataOf(`${issuer}/`, `${issuer}/token`),
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server.works).toMatchObject({
    pointer: "/servers/tools/grant/client/issuer",
    value: `${servers.issuer}/`,
  });
});

test("an issuer at another origin is never tried", async () => {
  const servers = await field({
    ...working,
    issuer: ({ issuer }) => metadataOf("https://auth.example", `${issuer}/token`),
  });
  const { server } = await diagnose(servers, ["--try"]);
  expect(server).toMatchObject({
    tried: [],
    note: "There is nothing to try automatically.",
  });
  expect(servers.tokenRequests()).toEqual([]);
});

test("nothing is tried for a server that works, and nothing without --try", async () => {
  const healthy = await field(working);
  expect((await diagnose(healthy, ["--try"])).server).not.toHaveProperty("tried");
  expect(healthy.tokenRequests()).toHaveLength(1);
  const faulty = await field({ ...onlyPost, ...working });
  expect((await diagnose(faulty)).server).not.toHaveProperty("tried");
  expect(faulty.tokenRequests()).toHaveLength(1);
});

test("after changes that do not work, what to do names none of them, and whom to ask", async () => {
  const servers = await field({ ...onlyIf(() => false, {}, 401), ...working });
  const world = { config: servers.config, env: servers.env };
  const { out } = await runDoctor(world, ["--try"]);
  const [todo = ""] = /^To do.*$/m.exec(out) ?? [];
  expect(out).toContain("This change does not work.");
  expect(todo).toContain(`ask the operator of ${servers.issuer} why it refuses the client "agent"`);
  expect(todo).not.toContain("client_secret_post");
  const { server } = await diagnose(world, ["--try"]);
  expect(todo).toContain(server.todo?.text);
});

test("doctor names the command that tries, where there is something to try", async () => {
  const servers = await field({ ...onlyIf(() => false, {}, 401), ...working });
  const { out } = await runDoctor(servers);
  expect(out).toContain("Or let doctor try: npx mcp-auth-runtime doctor tools --try\n");
  const nothing = await field({ ...onlyIf(() => false, { error: "unsupported_grant_type" }), ...working });
  expect((await runDoctor(nothing)).out).not.toContain("--try");
});

test("a flaw that can be seen in a secret is all that there is to do before the next run", async () => {
  const servers = await field({ ...onlyPost, ...working, env: { S: "s3cr3t " } });
  const { out } = await runDoctor(servers);
  expect(out).toMatch(
    /^To do \(token\): Remove the white space .*, unless it belongs there\..* Then run doctor again\.$/m,
  );
  expect(out).not.toContain("--try");
});

// The bytes of a client's credential on the wire, and which servers get them.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import {
  createTestManager,
  createTestRuntime,
  sendToken,
  startScriptedIssuer,
  startWorld,
  viaFetchV1,
  viaOauthProviderV1,
} from "./harness.js";

const awkward = "a:b%c+d e&f=g/h?i\"j'k*l~m";

describe("a secret with special characters", () => {
  test.each(["client_secret_basic", "client_secret_post"] as const)(
    "a secret with special characters is accepted with %s by a conforming authorization server",
    async (method) => {
      const world = await startWorld({ clients: [{ id: "agent:1 %2B+", secret: awkward }] });
      const client = { issuer: world.issuer.issuer, id: "agent:1 %2B+", secret: { env: "SECRET" }, method };
      const config = { servers: { tools: { url: world.mcp.url, grant: { client } } } };
      const { manager } = await createTestManager({ config, env: { SECRET: awkward } });
      expect(await (await viaFetchV1(manager)).echo("ok")).toBe("ok");
      const [request] = world.issuer.tokenRequests;
      if (method === "client_secret_basic") {
        expect(request?.params).not.toHaveProperty("client_secret");
        expect(request?.params).not.toHaveProperty("client_id");
      } else {
        expect(request?.headers).not.toHaveProperty("authorization");
        expect(request?.params).toMatchObject({ client_id: "agent:1 %2B+", client_secret: awkward });
      }
    },
  );

  test("a secret with special characters is accepted in a token request of the SDK", async () => {
    const world = await startWorld({ clients: [{ id: "agent", secret: awkward }] });
    const { manager } = await createTestManager({ config: world.config, env: { SECRET: awkward } });
    const client = await viaOauthProviderV1(manager);
    world.mcp.revoke(world.issuer.issued[0]?.jti ?? "");
    expect(await client.echo("ok")).toBe("ok");
    const [own, theirs] = world.issuer.tokenRequests;
    expect(theirs?.headers.authorization).toBe(own?.headers.authorization);
    expect(theirs?.params).toEqual(own?.params);
  });

  test.each([
    ["a trailing line break, which is removed", `${awkward}\n`, awkward],
    ["a trailing Windows line break, which is removed", `${awkward}\r\n`, awkward],
    ["two trailing line breaks, one of which is removed", `${awkward}\n\n`, `${awkward}\n`],
    ["spaces around it, which are kept", `  ${awkward} `, `  ${awkward} `],
  ])("a secret can come from a file with %s", async (_, content, sent) => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "secret"), content, { mode: 0o600 });
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const client = {
      issuer: issuer.server.origin,
      id: "agent",
      secret: { file: "./secret" },
      method: "client_secret_post" as const,
    };
    const config = { servers: { tools: { url: issuer.url, grant: { client } } } };
    const { manager } = await createTestManager({ config, env: {} }, { cwd: folder });
    await manager.getAccessToken();
    const form = new URLSearchParams(issuer.tokenRequests()[0]?.body);
    expect(form.get("client_secret")).toBe(sent);
  });
});

describe("a secret with non-Latin characters", () => {
  const secret = "пароль—密码😀é";
  const encoded = "%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C%E2%80%94%E5%AF%86%E7%A0%81%F0%9F%98%80%C3%A9";

  test("a secret with non-Latin characters is form-encoded UTF-8 in the Authorization header", async () => {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const { manager } = await createTestManager({ config: issuer.config, env: { SECRET: secret } });
    await manager.getAccessToken();
    const [request] = issuer.tokenRequests();
    expect(request?.headers.authorization).toBe(`Basic ${btoa(`agent:${encoded}`)}`);
    expect(request?.body).toBe(`grant_type=client_credentials&resource=${encodeURIComponent(issuer.url)}`);
  });

  test("a secret with non-Latin characters is form-encoded UTF-8 in the body, with the right content type", async () => {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const client = {
      issuer: issuer.server.origin,
      id: "клиент",
      secret: { env: "SECRET" },
      method: "client_secret_post" as const,
    };
    const config = { servers: { tools: { url: issuer.url, grant: { client } } } };
    const { manager } = await createTestManager({ config, env: { SECRET: secret } });
    await manager.getAccessToken();
    const [request] = issuer.tokenRequests();
    expect(request?.body.split("&")).toContain(`client_secret=${encoded}`);
    expect(request?.body.split("&")).toContain("client_id=%D0%BA%D0%BB%D0%B8%D0%B5%D0%BD%D1%82");
    expect(request?.headers).toMatchObject({
      "content-type": expect.stringMatching(/^application\/x-www-form-urlencoded/),
      accept: expect.stringContaining("application/json"),
    });
    expect(request?.headers).not.toHaveProperty("authorization");
  });
});

describe("the headers of the config", () => {
  test("headers of the config are sent to the MCP server and its metadata only, and their secrets are read each time", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const config = {
      defaults: { headers: { "X-Team": "platform", "x-tenant": "all" } },
      servers: { tools: { ...tools, headers: { "X-Api-Key": { env: "API_KEY" }, "X-Tenant": "acme" } } },
    };
    const env: Record<string, string> = { ...world.env, API_KEY: "canary-api-key-1" };
    const { manager } = await createTestManager({ config, env });
    const client = await viaFetchV1(manager);
    expect(await client.echo("x")).toBe("x");
    env["API_KEY"] = "canary-api-key-2";
    await client.echo("y");

    const calls = world.mcp.requests.filter(({ path }) => path === "/mcp");
    expect(calls.map(({ headers }) => headers["x-api-key"])).toEqual([
      ...calls.slice(1).map(() => "canary-api-key-1"),
      "canary-api-key-2",
    ]);
    for (const { headers } of calls)
      expect(headers).toMatchObject({ "x-team": "platform", "x-tenant": "acme" });
    const others = world.mcp.requests.filter(({ path }) => path !== "/mcp");
    expect(others.map(({ path }) => path)).toEqual(["/.well-known/oauth-protected-resource/mcp"]);
    expect(others[0]?.headers).toMatchObject({
      ...{ "x-api-key": "canary-api-key-1", "x-team": "platform", "x-tenant": "acme" },
    });
    const elsewhere = JSON.stringify(world.issuer.tokenRequests);
    for (const canary of ["canary-api-key", "x-api-key", "x-team", "platform", "acme"]) {
      expect(elsewhere).not.toContain(canary);
    }
  });

  test("a header whose secret is missing fails the call, and the message has the reference", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, headers: { "X-Api-Key": { env: "API_KEY" } } } } };
    const { manager } = await createTestManager({ config, env: world.env });
    const error = {
      code: "secret_unavailable",
      server: "tools",
      message: expect.stringContaining("API_KEY"),
    };
    await expect(manager.fetch(world.mcp.url)).rejects.toMatchObject(error);
    await expect(manager.getHeaders()).rejects.toMatchObject(error);
    expect(world.mcp.requests.filter(({ path }) => path === "/mcp")).toEqual([]);
    expect(await manager.getAccessToken()).toMatch(/^ey/);
  });

  test.each(["canary\nx-evil: 1", "canary-密码", "canary\u0000"])(
    "a header whose secret %j is not a valid header value fails the call and is not shown",
    async (value) => {
      const world = await startWorld();
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, headers: { "X-Api-Key": { env: "API_KEY" } } } } };
      const { manager } = await createTestManager({ config, env: { ...world.env, API_KEY: value } });
      const calls = [manager.fetch(world.mcp.url), manager.getHeaders()];
      for (const error of await Promise.all(calls.map(rejectionOf))) {
        expect(error).toMatchObject({ code: "secret_unavailable", server: "tools" });
        expect(error.message).toContain('"API_KEY"');
        expect(inspect(error, { showHidden: true, depth: 9 })).not.toContain("canary");
      }
      expect(world.mcp.requests.filter(({ path }) => path === "/mcp")).toEqual([]);
    },
  );

  test("getHeaders returns the headers of the config and the token", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const config = {
      servers: { tools: { ...tools, headers: { "X-Api-Key": { env: "API_KEY" }, "X-Plain": "p" } } },
    };
    const { manager } = await createTestManager({ config, env: { ...world.env, API_KEY: "k" } });
    const headers = await manager.getHeaders();
    expect(headers).toEqual({
      "X-Api-Key": "k",
      "X-Plain": "p",
      authorization: `Bearer ${await manager.getAccessToken()}`,
    });
    expect((await fetch(world.mcp.url, { headers })).status).toBe(405);
  });

  test.each(["https://evil.example/mcp", "not a URL", "data:,x"])(
    "getHeaders rejects a request to %s with egress_denied, without reading a secret or requesting a token",
    async (url) => {
      const world = await startWorld();
      const { tools } = world.config.servers;
      const headers = { "x-api-key": { env: "API_KEY" } };
      for (const dpop of [undefined, true] as const) {
        const server = { ...tools, headers, ...(dpop && { dpop }) };
        const { manager } = await createTestManager({
          config: { servers: { tools: server } },
          env: world.env,
        });
        const error = await rejectionOf(manager.getHeaders({ method: "GET", url }));
        expect(error).toMatchObject({ code: "egress_denied", server: "tools" });
      }
      expect(world.issuer.tokenRequests).toEqual([]);
    },
  );
});

describe("the caller's own headers", () => {
  test("the caller's own headers arrive, except Authorization, which is replaced in every form", async () => {
    const world = await startWorld();
    const { manager } = await createTestManager(world);
    const mine = "Bearer canary-mine";
    const variants: RequestInit[] = [
      { headers: { Authorization: mine, "x-own": "1" } },
      {
        headers: [
          ["AUTHORIZATION", mine],
          ["x-own", "1"],
        ],
      },
      { headers: new Headers({ authorization: mine, "x-own": "1" }) },
    ];
    for (const init of variants) await manager.fetch(world.mcp.url, init);
    await manager.fetch(new Request(world.mcp.url, variants[0]));
    await manager.fetch(new Request(world.mcp.url, { headers: { authorization: mine } }), variants[1]);
    const calls = world.mcp.requests.filter(({ path }) => path === "/mcp");
    expect(calls).toHaveLength(5);
    for (const { headers, status } of calls) {
      expect(headers.authorization).toBe(`Bearer ${await manager.getAccessToken()}`);
      expect(headers["x-own"]).toBe("1");
      expect(status).toBe(405);
    }
  });

  test("a manager never sends its token to another server", async () => {
    const [first, second] = [await startWorld(), await startWorld()];
    const auth = await createTestRuntime({
      config: { servers: { first: first.config.servers.tools, second: second.config.servers.tools } },
      env: first.env,
    });
    const [a, b] = [auth.resolve("first"), auth.resolve("second")];
    await expect(a.fetch(b.url)).rejects.toMatchObject({ code: "egress_denied", server: "first" });
    expect(second.mcp.requests).toEqual([]);
    await a.fetch(a.url);
    await b.fetch(b.url);
    const sent = (requests: typeof first.mcp.requests) => requests.flatMap(({ jti }) => jti ?? []);
    expect(sent(first.mcp.requests)).toEqual([first.issuer.issued[0]?.jti]);
    expect(sent(second.mcp.requests)).toEqual([second.issuer.issued[0]?.jti]);
  });
});

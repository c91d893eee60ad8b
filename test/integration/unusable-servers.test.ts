// A mistake in one server of a config does not affect the others.
import { describe, expect, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";
import { createTestManager, createTestRuntime, startWorld } from "./harness.js";

describe("a server whose variable has no value", () => {
  async function beside(broken: object) {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const config = { servers: { tools, broken: { ...tools, ...broken } } };
    const auth = await createTestRuntime({ config, env: world.env });
    return { world, auth };
  }

  test.each([
    ["its URL", { url: "${NOWHERE}" }],
    ["a part of its URL", { url: "https://${NOWHERE}/mcp" }],
    ["a header", { headers: { "x-tenant": "${NOWHERE}" } }],
    ["its schedule", { refresh: { schedule: "${NOWHERE}" } }],
  ])(
    "a variable without a value in %s makes each call of that server config_invalid, and other servers work",
    async (_, broken) => {
      const { world, auth } = await beside(broken);
      const manager = auth.resolve("broken");
      const calls = [
        manager.getAccessToken(),
        manager.getToken(),
        manager.getHeaders(),
        manager.fetch(world.mcp.url),
      ];
      for (const error of await Promise.all(calls.map(rejectionOf))) {
        expect(error).toMatchObject({ code: "config_invalid", server: "broken", retryable: false });
        expect(error.message).toContain("NOWHERE");
        expect(error.violations).toHaveLength(1);
      }
      expect(() => manager.url).toThrowError(expect.objectContaining({ code: "config_invalid" }));
      expect(manager.status()).toMatchObject({ state: "none", lastError: { code: "config_invalid" } });
      expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
      expect(auth.servers).toEqual(["tools", "broken"]);
      expect(auth.has("broken")).toBe(true);
      expect((await auth.start()).map(({ server, code }) => `${server} ${code}`)).toEqual([
        "broken config_invalid",
      ]);
      expect((await rejectionOf(auth.start({ require: ["broken"] }))).code).toBe("config_invalid");
      expect(auth.resolveUrl(world.mcp.url)?.name).toBe("tools");
      expect(world.issuer.tokensIssued).toBe(1);
      await auth.stop();
    },
  );

  test("a server uses the default of a variable, or its value if it is set", async () => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const config = { servers: { tools: { ...tools, url: "${BASE:-http://127.0.0.1:1}/mcp" } } };
    expect((await createTestManager({ config, env: {} })).manager.url).toBe("http://127.0.0.1:1/mcp");
    const env = { ...world.env, BASE: world.mcp.origin };
    const { manager } = await createTestManager({ config, env });
    expect(manager.url).toBe(world.mcp.url);
    expect(await manager.getAccessToken()).toMatch(/^ey/);
  });
});

describe("a URL that is not https", () => {
  test.each<[what: string, changed: { url?: string; issuer?: string }]>([
    ["the URL of the server", { url: "${BASE}/mcp" }],
    ["the issuer", { issuer: "${BASE}" }],
  ])(
    "a variable with an http URL in %s is insecure_url for that server only, and nothing is sent",
    async (_, { url, issuer }) => {
      const world = await startWorld();
      const { tools } = world.config.servers;
      const client = { issuer: issuer ?? world.issuer.issuer, id: "agent", secret: { env: "SECRET" } };
      const config = {
        servers: { tools, open: { ...tools, grant: { client }, ...(url !== undefined && { url }) } },
      };
      const auth = await createTestRuntime({
        config,
        env: { ...world.env, BASE: "http://mcp.example.test" },
      });
      const error = await rejectionOf(auth.resolve("open").getAccessToken());
      expect(error).toMatchObject({ code: "insecure_url", server: "open" });
      expect((await rejectionOf(auth.resolve("open").fetch("http://mcp.example.test/mcp"))).code).toBe(
        "insecure_url",
      );
      expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
      expect(auth.resolveUrl("http://mcp.example.test/mcp")).toBeUndefined();
    },
  );

  test.each(["http://mcp.example.test/mcp", "http://10.0.0.1/mcp", "http://127.0.0.1.example.test/mcp"])(
    "the http URL %s in the config itself is insecure_url for its server",
    async (url) => {
      const world = await startWorld();
      const { tools } = world.config.servers;
      const config = { servers: { tools, open: { ...tools, url } } };
      const auth = await createTestRuntime({ config, env: world.env });
      expect((await rejectionOf(auth.resolve("open").getAccessToken())).code).toBe("insecure_url");
      expect(await auth.resolve("tools").getAccessToken()).toMatch(/^ey/);
    },
  );

  test.each([
    "http://localhost:1/mcp",
    "http://[::1]:1/mcp",
    "http://127.8.9.10:1/mcp",
    "http://a.localhost:1/",
  ])("the http URL %s is loopback, and allowed", async (url) => {
    const world = await startWorld();
    const { tools } = world.config.servers;
    const { manager } = await createTestManager({
      config: { servers: { tools: { ...tools, url } } },
      env: world.env,
    });
    expect(manager.url).toBe(url);
  });
});

test("a missing, empty or unreadable secret or key fails only its server and names the reference", async () => {
  const world = await startWorld();
  const { tools } = world.config.servers;
  const { issuer } = world.issuer;
  const server = (client: object) => ({
    url: world.mcp.url,
    grant: { client: { issuer, id: "agent", ...client } },
  });
  const auth = await createMcpAuth({
    config: {
      servers: {
        tools,
        missing: server({ secret: { env: "NOT_THERE" } }),
        empty: server({ secret: { env: "EMPTY" } }),
        file: server({ secret: { file: "./not-there" } }),
        key: server({ key: { privateKey: { env: "SECRET" } } }),
      },
    },
    env: { ...world.env, EMPTY: "" },
  });
  const failures = await auth.start();
  expect(failures.map(({ server, code }) => `${server} ${code}`)).toEqual([
    "missing secret_unavailable",
    "empty secret_unavailable",
    "file secret_unavailable",
    "key key_invalid",
  ]);
  for (const [index, name] of ["NOT_THERE", "EMPTY", "not-there", "SECRET"].entries()) {
    expect(failures[index]?.message).toContain(name);
    expect(failures[index]?.message).not.toContain(world.env["SECRET"]);
  }
  expect(world.issuer.tokenRequests).toHaveLength(1);
  await auth.stop();
});

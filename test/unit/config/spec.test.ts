import { join } from "node:path";
import { expect, it } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import type { ServerSpec } from "../../../src/config/spec.js";
import { folder, smallest } from "./folder.js";

async function specOf(config: McpAuthConfig, name = "crm"): Promise<ServerSpec> {
  const entry = (await loadConfig({ config, cwd: "/etc/agent", env: {} })).servers.get(name);
  if (entry === undefined || !("spec" in entry)) throw new Error("expected a server that is ready");
  return entry.spec;
}

it("the spec of the smallest config has the defaults", async () => {
  expect(await specOf(smallest)).toEqual({
    name: "crm",
    url: "https://crm.example/mcp",
    grant: {
      type: "client_credentials",
      client: {
        issuer: "https://auth.example",
        id: "crm-agent",
        credential: { kind: "secret", secret: { env: "CRM_SECRET" } },
      },
      audience: [],
      params: {},
    },
    stepUp: [],
    headers: {},
    refresh: { automatic: true, timezone: "UTC", jitter: 0.2, idle: 1_800_000, assumedLifetime: 300_000 },
    timeout: 10_000,
    deadline: 30_000,
    retry: { attempts: 4, min: 250, max: 10_000 },
    reach: "origin",
  });
});

it("the defaults of a config are merged property by property", async () => {
  const spec = await specOf({
    defaults: {
      timeout: "1s",
      deadline: "1m",
      reach: "path",
      retry: { attempts: 2, min: "1s" },
      refresh: { ahead: "5s", jitter: 0, timezone: "Europe/Berlin" },
      headers: { "X-A": "default", "x-b": "default" },
    },
    servers: {
      crm: {
        ...smallest.servers.crm,
        deadline: "2m",
        retry: { min: "500ms" },
        refresh: { jitter: 0.5, schedule: "*/5 * * * *" },
        headers: { "x-a": "own", "x-c": { file: "c" } },
      },
    },
  });
  expect(spec).toMatchObject({
    timeout: 1_000,
    deadline: 120_000,
    reach: "path",
    retry: { attempts: 2, min: 500, max: 10_000 },
  });
  expect(spec.refresh).toEqual({
    automatic: true,
    ahead: 5_000,
    jitter: 0.5,
    timezone: "Europe/Berlin",
    schedule: "*/5 * * * *",
    assumedLifetime: 300_000,
  });
  expect(spec.headers).toEqual({ "x-b": "default", "x-a": "own", "x-c": { file: "/etc/agent/c" } });
});

it("a server with a schedule has no idle time unless it is set, and one without a schedule has the default", async () => {
  const idle = async (refresh: object) => {
    return (await specOf({ servers: { crm: { ...smallest.servers.crm, refresh } } })).refresh.idle;
  };
  expect(await idle({ schedule: "0 * * * *" })).toBeUndefined();
  expect(await idle({ schedule: "0 * * * *", idle: "1h" })).toBe(3_600_000);
  expect(await idle({})).toBe(1_800_000);
});

it("refresh false means on demand only, and the server wins over the defaults", async () => {
  const server = smallest.servers.crm;
  const refresh = { schedule: "0 * * * *", assumedLifetime: "1m" };
  const off = await specOf({ defaults: { refresh }, servers: { crm: { ...server, refresh: false } } });
  expect(off.refresh).toMatchObject({ automatic: false, assumedLifetime: 60_000 });
  expect(off.refresh.schedule).toBeUndefined();
  expect((await specOf({ defaults: { refresh: false }, servers: { crm: server } })).refresh.automatic).toBe(
    false,
  );
  const on = await specOf({ defaults: { refresh: false }, servers: { crm: { ...server, refresh } } });
  expect(on.refresh).toMatchObject({ automatic: true, schedule: "0 * * * *" });
});

it("a key that is named several times becomes one spec", async () => {
  const client = { issuer: "https://acme.example", id: "a", key: "agent" };
  const { grant } = await specOf(
    {
      keys: { agent: { privateKey: { env: "K" } } },
      servers: {
        one: {
          url: "https://a.example",
          grant: { type: "jwt_bearer", client, assertion: { issuer: "a", subject: "a", key: "agent" } },
        },
      },
    },
    "one",
  );
  if (grant.type !== "jwt_bearer" || grant.assertion.kind !== "signed")
    throw new Error("It is another grant.");
  const { credential } = grant.client;
  if (credential.kind !== "key") throw new Error("It is another credential.");
  expect(grant.assertion.key).toBe(credential.key);
});

it("names of clients and keys are resolved, and both can be inline", async () => {
  const config: McpAuthConfig = {
    keys: {
      agent: { privateKey: { file: "./agent.pem" }, passphrase: { env: "P" }, alg: "ES256", kid: false },
    },
    clients: { acme: { issuer: "https://acme.example", id: "a", key: "agent", method: "private_key_jwt" } },
    servers: {
      named: { url: "https://a.example", grant: { client: "acme", scopes: ["x", "y"] } },
      inline: {
        url: "https://b.example",
        grant: { client: { issuer: "https://acme.example", id: "b", key: { privateKey: { env: "K" } } } },
      },
      anonymous: { url: "https://c.example", grant: { client: { issuer: "https://acme.example", id: "c" } } },
      fixed: {
        url: "https://d.example",
        grant: { type: "static", token: { file: "/run/token" }, lifetime: "1h", scopes: ["z"] },
      },
    },
  };
  expect((await specOf(config, "named")).grant).toEqual({
    type: "client_credentials",
    scopes: ["x", "y"],
    audience: [],
    params: {},
    client: {
      issuer: "https://acme.example",
      id: "a",
      method: "private_key_jwt",
      credential: {
        kind: "key",
        key: {
          privateKey: { file: "/etc/agent/agent.pem" },
          passphrase: { env: "P" },
          alg: "ES256",
          kid: false,
        },
      },
    },
  });
  expect((await specOf(config, "inline")).grant).toMatchObject({
    client: { credential: { kind: "key", key: { privateKey: { env: "K" } } } },
  });
  expect((await specOf(config, "anonymous")).grant).toMatchObject({
    client: { credential: { kind: "none" } },
  });
  expect((await specOf(config, "fixed")).grant).toEqual({
    type: "static",
    token: { file: "/run/token" },
    lifetime: 3_600_000,
    scopes: ["z"],
    audience: [],
    params: {},
  });
});

it("the URL of a server is kept byte for byte", async () => {
  for (const url of ["https://CRM.example", "https://crm.example:443/a/../mcp?x=%41"]) {
    expect((await specOf({ servers: { crm: { ...smallest.servers.crm, url } } })).url).toBe(url);
  }
});

it("relative paths of secrets are relative to the config file, and are interpolated", async () => {
  const server = {
    url: "https://a.example",
    grant: { type: "static", token: { file: "${DIR:-./secrets}/token" } },
  };
  const cwd = await folder({ "conf/mcp-auth.config.json": JSON.stringify({ servers: { a: server } }) });
  const token = async (env: Record<string, string>) => {
    const entry = (await loadConfig({ cwd, env, cliPath: "conf/mcp-auth.config.json" })).servers.get("a");
    return entry && "spec" in entry && entry.spec.grant.type === "static"
      ? entry.spec.grant.token
      : undefined;
  };
  expect(await token({})).toEqual({ file: join(cwd, "conf/secrets/token") });
  expect(await token({ DIR: "/run" })).toEqual({ file: "/run/token" });
});

it("an object config is copied, so later changes have no effect", async () => {
  const config = structuredClone(smallest);
  const spec = await loadConfig({ config, cwd: "/", env: {} });
  config.servers.crm.url = "https://other.example";
  expect(spec.servers.get("crm")).toMatchObject({ spec: { url: "https://crm.example/mcp" } });
});

it("the example config is valid, with and without its variables", async () => {
  const cwd = new URL("../../..", import.meta.url).pathname;
  for (const env of [
    {},
    { ISSUER: "http://127.0.0.1:9", CRM_URL: "http://[::1]:9/mcp", AGENT_KEY_FILE: "/k.pem" },
  ]) {
    const { violations, spec } = await checkConfig({ cwd, env, cliPath: "mcp-auth.config.example.json" });
    expect(violations).toEqual([]);
    expect(
      [...(spec?.servers.values() ?? [])].map((entry) => "spec" in entry && entry.spec.grant),
    ).toMatchObject([
      { client: { credential: { kind: "secret", secret: { env: "CRM_SECRET" } } } },
      { client: { credential: { kind: "key" } } },
    ]);
  }
});

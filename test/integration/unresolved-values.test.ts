// A variable without a value in any place of a config, such as the type of a store or of a grant, is never an error of
// the program: it makes the servers unusable that need the value, and no others.
import { describe, expect, test } from "vitest";
import { formatViolation } from "../../src/config/format-violation.js";
import { checkConfig } from "../../src/config/load.js";
import { createMcpAuth, type McpAuthConfig } from "../../src/index.js";
import { rejectionOf } from "../support/rejection-of.js";

type Data = boolean | number | string | readonly Data[] | { readonly [name: string]: Data };

const reference = { env: "SECRET" };
const key = { privateKey: { file: "/agent.pem" }, kid: "k1", alg: "ES256" };
const signingKey = { signer: { exec: ["sign"], timeout: "5s", format: "der" }, alg: "RS256" };
const client = { issuer: "https://auth.example", id: "agent", secret: reference };
const common = {
  url: "https://crm.example/mcp",
  reach: "path",
  timeout: "5s",
  deadline: "20s",
  headers: { "x-tenant": "acme" },
  refresh: { schedule: "0 * * * *", timezone: "UTC", ahead: "1m", idle: "10m", assumedLifetime: "5m" },
  retry: { min: "1s", max: "2s" },
};
const servers = {
  plain: { ...common, grant: { type: "client_credentials", client: "shared", scopes: ["a"] } },
  keyed: {
    ...common,
    dpop: { key: signingKey },
    grant: {
      type: "jwt_bearer",
      client: { ...client, basicEncoding: "raw" },
      assertion: reference,
    },
  },
  exchanging: {
    ...common,
    grant: {
      type: "token_exchange",
      client,
      subject: { token: reference, type: "access_token" },
      requestedType: "access_token",
    },
  },
  refreshing: { ...common, grant: { type: "refresh_token", client, refreshToken: reference } },
  given: { url: common.url, grant: { type: "static", token: reference } },
};
const stores = {
  redis: {
    type: "redis",
    url: reference,
    sentinel: { name: "main", nodes: ["10.0.0.5:26379"] },
    prefix: "agents:",
    lease: "5s",
    encryptionKey: reference,
  },
  file: { type: "file", path: "/state", encryptionKey: { file: "/store-key" } },
};
const config = {
  version: 1,
  defaults: { timeout: "5s", deadline: "20s", retry: { min: "1s", max: "2s" } },
  keys: { agent: key },
  clients: {
    shared: {
      issuer: "https://auth.example",
      id: "agent",
      key: "agent",
      method: "private_key_jwt",
      assertionAudience: "issuer",
      assertionLifetime: "2m",
      headers: { "x-tenant": "a" },
      metadata: {
        tokenEndpoint: "https://auth.example/token",
        authMethods: ["private_key_jwt"],
        signingAlgorithms: ["ES256"],
      },
    },
  },
  network: { ca: ["/ca.pem"], proxy: "http://proxy.example:3128", allowInsecureHttp: ["mcp.internal"] },
  store: stores.redis,
  proxy: { token: { file: "/token" }, listen: "127.0.0.1:0", socket: "/run/proxy.sock" },
  servers,
};
const variable = "$" + "{NOWHERE}";

type Path = readonly string[];

function textsIn(value: Data, path: Path = []): readonly Path[] {
  if (typeof value === "string") return [path];
  if (typeof value !== "object") return [];
  return Object.entries(value).flatMap(([name, inner]) => textsIn(inner, [...path, name]));
}

function withVariable(value: Data, [name, ...rest]: Path): Data {
  if (name === undefined || typeof value !== "object") return variable;
  if (Array.isArray(value))
    return value.map((item: Data, index) => (String(index) === name ? withVariable(item, rest) : item));
  return Object.fromEntries(
    Object.entries(value).map(([each, inner]) => [each, each === name ? withVariable(inner, rest) : inner]),
  );
}

const states = (auth: Awaited<ReturnType<typeof createMcpAuth>>) =>
  auth.servers.filter((name) => auth.resolve(name).status().lastError?.code === "config_invalid");

/** Loads a config. Returns the servers that cannot be used, or the error. */
async function unusable(changed: Data): Promise<readonly string[] | string> {
  // Changed in one place, so it has the type only in the eyes of the test.
  const options = { config: changed as unknown as McpAuthConfig, cwd: "/srv", env: {} };
  const { violations } = await checkConfig(options);
  const auth = await createMcpAuth(options).catch((error: { code?: unknown }) => error);
  if (!("servers" in auth)) {
    expect(auth).toMatchObject({ code: "config_invalid" });
    expect(violations.length).toBeGreaterThan(0);
    return "config_invalid";
  }
  try {
    const broken = states(auth);
    const isReported = violations.some(({ pointer }) => !pointer.startsWith("/proxy/"));
    expect(isReported, "validate reports it").toBe(broken.length > 0);
    for (const name of broken)
      expect(await rejectionOf(auth.resolve(name).getAccessToken())).toMatchObject({
        code: "config_invalid",
      });
    return broken;
  } finally {
    await auth.stop();
  }
}

const all = Object.keys(servers);

test("the config of this test is valid", async () => {
  const { violations } = await checkConfig({
    config: config as unknown as McpAuthConfig,
    cwd: "/srv",
    env: {},
  });
  expect(violations.map(formatViolation)).toEqual([]);
});

describe("a variable without a value", () => {
  test.each(textsIn(config).map((path) => [path.join("/"), path] as const))(
    "a variable without a value in %s makes only the servers unusable that need it",
    async (_, path) => {
      const [section = "", name = ""] = path;
      const result = await unusable(withVariable(config, path));
      // Places of secrets, commands and names of variables have no variables: there it is a mistake of the config.
      if (result === "config_invalid") return expect(path.join("/")).toMatch(/\b(?:env|exec)\b/);
      if (section === "servers") expect(result).toEqual(path.includes("exec") ? [] : [name]);
      else if (section === "store" || section === "network") expect(result).toEqual(all);
      else if (section === "proxy") expect(result).toEqual([]);
      else expect(result).not.toEqual([]);
      return undefined;
    },
  );

  test.each(textsIn(stores.file).map((path) => [path.join("/"), path] as const))(
    "a variable without a value in %s of a file store makes all servers unusable",
    async (_, path) => {
      expect(await unusable({ ...config, store: withVariable(stores.file, path) })).toEqual(all);
    },
  );
});

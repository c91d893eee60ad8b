import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { interpolate } from "../../../src/config/interpolate.js";
import type { Json } from "../../../src/config/json.js";
import { loadConfig } from "../../../src/config/load.js";
import { client, smallest } from "./folder.js";

const text = (value: string, env: Record<string, string | undefined> = {}) => {
  const result = interpolate({ url: value }, env);
  return { ...result, value: (result.value as { url: string }).url }; // An object with `url` went in.
};

describe("interpolation", () => {
  it.each([
    ["${A}", "one"],
    ["${env:A}", "one"],
    ["x${A}y${A}z", "xoneyonez"],
    ["${UNSET:-two}", "two"],
    ["${env:UNSET:-two}", "two"],
    ["${EMPTY:-two}", "two"],
    ["${EMPTY}", ""],
    ["${UNSET:-}", ""],
    ["${A:-two}", "one"],
    ["$${A}", "${A}"],
    ["$$${A}", "$${A}"],
    ["$A $ {A} }{", "$A $ {A} }{"],
    ["${NESTED}", "${A}"],
    ["${DOLLARS}", "$& $1 $$"],
  ])("interpolation replaces %j by %j", (written, expected) => {
    const env = { A: "one", EMPTY: "", NESTED: "${A}", DOLLARS: "$& $1 $$" };
    expect(text(written, env)).toEqual({ value: expected, missing: [], mistakes: [] });
  });

  it("interpolation reports each variable without a value and leaves the text unchanged", () => {
    expect(text("${A}-${B}-${C}-${A}", { B: "x" })).toEqual({
      value: "${A}-${B}-${C}-${A}",
      missing: [
        { path: ["url"], name: "A" },
        { path: ["url"], name: "C" },
      ],
      mistakes: [],
    });
  });

  it("inherited properties of the environment are not variables", () => {
    expect(text("${constructor}").missing).toEqual([{ path: ["url"], name: "constructor" }]);
  });

  it.each(["${", "${}", "${A", "${A-B}", "${1A}", "${A:-${B}}", "${ A }", "${env:}"])(
    "refuses %j",
    (written) => {
      const { value, mistakes, missing } = text(written, { A: "x", B: "y" });
      expect(value).toBe(written);
      expect(mistakes).toHaveLength(1);
      expect(missing).toEqual([]);
    },
  );

  it("property names, $schema, secrets and the env of a reference are not interpolated", () => {
    const env = { A: "one" };
    const config = {
      $schema: "${A}",
      "${A}": { "${A}": true },
      clients: { secret: { id: "${A}", secret: { env: "${A}" } } },
      keys: { k: { privateKey: { file: "${A}" }, passphrase: "${A}" } },
      servers: {
        headers: {
          url: "${A}",
          headers: { secret: "${A}", env: "${A}", x: { env: "${A}" }, y: { file: "${A}" } },
        },
      },
    };
    expect(JSON.parse(JSON.stringify(interpolate(config, env).value))).toEqual({
      $schema: "${A}",
      "${A}": { "${A}": true },
      clients: { secret: { id: "one", secret: { env: "${A}" } } },
      keys: { k: { privateKey: { file: "one" }, passphrase: "${A}" } },
      servers: {
        headers: {
          url: "one",
          headers: { secret: "one", env: "one", x: { env: "${A}" }, y: { file: "one" } },
        },
      },
    });
  });

  it("commands and places of secrets are not interpolated, and properties with similar names are", () => {
    const env = { A: "one" };
    const text = "${A}";
    const reference = {
      env: text,
      file: text,
      ref: text,
      pointer: text,
      githubActions: { audience: text },
      gcp: { audience: text },
      azure: { resource: text },
    };
    const left = {
      ...reference,
      file: "one",
      ref: "one",
      pointer: "one",
      githubActions: { audience: "one" },
      gcp: { audience: "one" },
      azure: { resource: "one" },
    };
    const config = (value: string, inner: Json, command: string) => ({
      network: { ca: [value] },
      keys: {
        exec: { certificate: inner, signer: { exec: [command, command], name: value } },
        literal: { certificate: command },
      },
      clients: {
        key: { key: value, assertion: command, certificate: { cert: command, key: command } },
        inner: {
          assertion: inner,
          certificate: { cert: inner, key: inner },
          metadata: { tokenEndpoint: value },
        },
      },
      servers: {
        env: {
          dpop: { key: value },
          grant: {
            assertion: { issuer: value, claims: { token: value, exec: [value], headers: { env: value } } },
            params: { env: value, exec: value, token: value, claims: inner, x: { exec: [command] } },
            subject: { token: { exec: [command] }, type: value },
            idp: { subject: { token: command } },
          },
        },
      },
    });
    const filled = interpolate(config(text, reference, text), env).value;
    expect(JSON.parse(JSON.stringify(filled))).toEqual(config("one", left, text));
  });

  it("interpolation never throws, whatever the config and the environment contain", () => {
    const tricky = fc.string({
      unit: fc.constantFrom("$", "{", "}", ":", "-", "A", "env:", "_", "1", " ", "\n"),
    });
    const env = fc.dictionary(fc.constantFrom("A", "AA", "A_", "_"), tricky);
    fc.assert(
      fc.property(fc.jsonValue(), tricky, env, (value, written, variables) => {
        interpolate({ other: value as never, url: written }, variables); // Any JSON value is a Json.
      }),
    );
  });

  it("interpolation is one pass: text around variables stays, and their values are not interpolated", () => {
    const plain = fc.string().filter((part) => !part.includes("$") && !part.includes("}"));
    const pieces = fc.array(fc.tuple(plain, fc.constantFrom("A", "B", "C")), { minLength: 1 });
    const env = fc.record({ A: fc.string(), B: fc.constant("${A}"), C: fc.constant("$${B}") });
    fc.assert(
      fc.property(pieces, env, (parts, variables) => {
        const written = parts.map(([before, name]) => `${before}\${${name}}`).join("");
        const expected = parts.map(([before, name]) => `${before}${variables[name]}`).join("");
        expect(text(written, variables).value).toBe(expected);
      }),
    );
  });
});

describe("a variable without a value", () => {
  const config: McpAuthConfig = {
    defaults: { headers: { "X-Tenant": "${TENANT}", "X-Other": "${OTHER}" }, timeout: "${TIMEOUT}" },
    keys: { agent: { privateKey: { file: "${KEY_FILE}" } } },
    clients: { acme: { issuer: "https://auth.example", id: "${ID}", key: "agent" } },
    servers: {
      own: { url: "${OWN}", grant: { client }, headers: { "x-tenant": "a", "x-other": "b" }, timeout: "1s" },
      named: {
        url: "https://a.example",
        grant: { client: "acme" },
        headers: { "x-tenant": "a", "x-other": "b" },
        timeout: "1s",
      },
      inherits: { url: "https://b.example", grant: { client }, headers: { "x-tenant": "a" } },
      free: {
        url: "https://c.example",
        grant: { client },
        headers: { "x-tenant": "a", "x-other": "b" },
        timeout: "1s",
      },
    },
  };

  it("a variable without a value fails only the servers that use it, through a client, a key or the defaults", async () => {
    const spec = await loadConfig({ config, cwd: "/", env: {} });
    const names = (server: string) => {
      const entry = spec.servers.get(server);
      const failure = entry !== undefined && "failure" in entry ? entry.failure : undefined;
      return failure && [failure.code, failure.server, failure.violations?.map(({ pointer }) => pointer)];
    };
    expect(names("own")).toEqual(["config_invalid", "own", ["/servers/own/url"]]);
    expect(names("named")).toEqual([
      "config_invalid",
      "named",
      ["/keys/agent/privateKey/file", "/clients/acme/id"],
    ]);
    expect(names("inherits")).toEqual([
      "config_invalid",
      "inherits",
      ["/defaults/headers/X-Other", "/defaults/timeout"],
    ]);
    expect(names("free")).toBeUndefined();
  });

  it("a variable without a value is named in the error, with what to do", async () => {
    const spec = await loadConfig({ config, cwd: "/", env: {} });
    const entry = spec.servers.get("own");
    expect(entry && "failure" in entry && entry.failure.message).toBe(
      'Server "own" cannot be used: /servers/own/url: The environment variable OWN is not set. Set it, or load a file that has it with node --env-file=FILE, or write a default: ${OWN:-…}.',
    );
  });
});

it("a variable without a value in any client or key of a server fails that server", async () => {
  const key = (name: string) => ({ privateKey: { file: `\${${name}}` } });
  const issuer = "https://auth.example";
  const subject = { token: { env: "T" } };
  const url = "https://a.example";
  const config: McpAuthConfig = {
    keys: { a: key("A"), b: key("B"), c: key("C"), d: key("D"), e: key("E") },
    clients: {
      idp: { issuer, id: "${IDP}", key: "a" },
      resource: { issuer, id: "x", key: "b" },
      unused: { issuer, id: "${UNUSED}", key: "e" },
    },
    servers: {
      enterprise: {
        url,
        grant: { type: "enterprise_managed", client: "resource", idp: { client: "idp", subject } },
      },
      inline: {
        url,
        grant: {
          type: "enterprise_managed",
          client,
          idp: { client: { issuer, id: "x", key: "e" }, subject },
        },
      },
      signed: {
        url,
        grant: { type: "jwt_bearer", client: { issuer }, assertion: { key: "c", issuer: "a", subject: "b" } },
      },
      bound: { url, grant: { client }, dpop: { key: "d" } },
      free: { url, grant: { client }, dpop: true },
    },
  };
  const { servers } = await loadConfig({ config, cwd: "/", env: {} });
  const needed = [...servers.values()].map((entry) =>
    "failure" in entry ? entry.failure.violations?.map(({ pointer }) => pointer) : [],
  );
  expect(needed).toEqual([
    ["/keys/a/privateKey/file", "/keys/b/privateKey/file", "/clients/idp/id"],
    ["/keys/e/privateKey/file"],
    ["/keys/c/privateKey/file"],
    ["/keys/d/privateKey/file"],
    [],
  ]);
});

it("values of variables are checked against the schema and not shown", async () => {
  const env = { URL_: "not-a-url-9f2", METHOD: "hunter2-method", TIMEOUT: "hunter2-seconds" };
  const config = {
    servers: {
      crm: {
        ...smallest.servers.crm,
        url: "${URL_}",
        timeout: "${TIMEOUT}",
        grant: { client: { ...client, method: "${METHOD}" } },
      },
    },
  } as unknown as McpAuthConfig; // The type knows no interpolated enum.
  const error: unknown = await loadConfig({ config, cwd: "/", env }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: "config_invalid",
    violations: ["url", "grant/client/method", "timeout"].map((name) =>
      expect.objectContaining({ pointer: `/servers/crm/${name}` }),
    ),
  });
  expect(JSON.stringify(error)).not.toMatch(/9f2|hunter2/);
});

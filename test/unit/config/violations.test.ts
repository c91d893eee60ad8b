import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { McpAuthError } from "../../../src/errors/error.js";
import { client, folder, smallest } from "./folder.js";
import { crm, violationsOf, withClient, withGrant } from "./violations-of.js";

const withRefresh = (refresh: unknown) => crm({ refresh });

describe("validation", () => {
  it("the smallest config is valid", async () => {
    expect(await violationsOf(smallest)).toEqual([]);
  });

  it("eleven different mistakes are reported at once, each of them once", async () => {
    const text = `{
  "version": 2,
  "store": { "type": "disk" },
  "clients": {
    "acme": { "isuer": "https://auth.example", "id": "a", "secret": { "env": "S" } },
    "beta": { "issuer": "https://auth.example", "id": "b", "secret": "hunter2hunter2" }
  },
  "servers": {
    "one": { "url": "https://one.example", "grant": { "client": "acne" }, "timeout": "10" },
    "two": { "url": "https://u:p@two.example", "grant": { "type": "static", "token": { "env": "T", "file": "f" } } },
    "six": { "grant": { "client": "beta" }, "refresh": { "schedule": "every day" }, "retry": { "attempts": 0 } }
  }
}`;
    const cwd = await folder({ "mcp-auth.config.json": text });
    const error: unknown = await loadConfig({ cwd, env: {} }).catch((reason: unknown) => reason);
    if (!(error instanceof McpAuthError)) throw new Error("expected an McpAuthError");
    expect(error.violations?.map(({ line, pointer }) => `${line} ${pointer}`)).toEqual([
      "2 /version",
      "3 /store/type",
      "5 /clients/acme/isuer",
      "6 /clients/beta/secret",
      "9 /servers/one/grant/client",
      "9 /servers/one/timeout",
      "10 /servers/two/url",
      "10 /servers/two/grant/token",
      "11 /servers/six",
      "11 /servers/six/refresh/schedule",
      "11 /servers/six/retry/attempts",
    ]);
    const file = `${cwd}/mcp-auth.config.json`;
    expect(error.message.split("\n")).toHaveLength(12);
    expect(error.message).toContain(
      `The config ${file} has 11 mistakes:\n  ${file}:2:14 /version: Must be 1, found 2.\n`,
    );
    expect(error.message).toContain(
      '/clients/acme/isuer: Unknown property "isuer". Did you mean "issuer"?\n',
    );
    for (const shown of [
      error.message,
      error.stack ?? "",
      JSON.stringify(error),
      inspect(error, { depth: 9 }),
    ]) {
      expect(shown).not.toContain("hunter2");
    }
  });

  it.each([
    ["a number in place of the config", 5, "Must be an object, found 5."],
    ["no servers", {}, 'The property "servers" is missing.'],
    [
      "an unknown property",
      { ...smallest, plugins: [] },
      '/plugins: Unknown property "plugins". Allowed here: $schema, version, import, defaults, store, network, proxy, keys, clients, servers.',
    ],
    [
      "a misspelled property",
      crm({ timout: "1s" }),
      '/servers/crm/timout: Unknown property "timout". Did you mean "timeout"?',
    ],
    [
      "client_id in place of id",
      withGrant({ client: { issuer: "https://a.example", client_id: "x" } }),
      '/servers/crm/grant/client/client_id: Unknown property "client_id". Did you mean "id"?',
    ],
    [
      "a version as text",
      { ...smallest, version: "1" },
      "/version: Must be 1, found a string of 1 character.",
    ],
    [
      "a server with an invalid name",
      { servers: { "my crm": smallest.servers.crm } },
      "/servers/my crm: A name starts with a letter or digit and has only letters, digits, `.`, `_` and `-`.",
    ],
    ["a server that is a list", { servers: { crm: [] } }, "/servers/crm: Must be an object, found a list."],
    ["an empty id", withClient({ id: "" }), "/servers/crm/grant/client/id: Must not be empty."],
    [
      "a client as a number",
      withGrant({ client: 5 }),
      '/servers/crm/grant/client: Must be the name of a client in `clients`, or a client: { "issuer": …, "id": … }, found 5. Write it in quotes.',
    ],
    [
      "two credentials",
      withClient({ key: { privateKey: { env: "K" } } }),
      "/servers/crm/grant/client/key: A client has one credential, and this one has `secret` and `key`.",
    ],
    [
      "a client without an issuer",
      withGrant({ client: { id: "x", secret: { env: "S" } } }),
      '/servers/crm/grant/client: The property "issuer" is missing. A credential is sent only to the authorization server that it is registered at.',
    ],
    [
      "an undefined client",
      { ...withGrant({ client: "acmee" }), clients: { acme: client } },
      '/servers/crm/grant/client: Must be the name of one of the `clients`. Did you mean "acme"?',
    ],
    [
      "the name of a client without `clients`",
      withGrant({ client: "acme" }),
      "/servers/crm/grant/client: Must be the name of one of the `clients`. There are no `clients`.",
    ],
    [
      "an undefined key",
      {
        ...withGrant({ client: { issuer: "https://a.example", id: "x", key: "zebra" } }),
        keys: { agent: { privateKey: { env: "K" } } },
      },
      "/servers/crm/grant/client/key: Must be the name of one of the `keys`. `keys` has: agent.",
    ],
    [
      "client_secret_basic without a secret",
      withGrant({ client: { issuer: "https://a.example", id: "x", method: "client_secret_basic" } }),
      '/servers/crm/grant/client/method: The method "client_secret_basic" needs a `secret`.',
    ],
    [
      "private_key_jwt with a secret",
      withClient({ method: "private_key_jwt" }),
      '/servers/crm/grant/client/method: The method "private_key_jwt" needs a `key` or an `assertion`.',
    ],
    [
      "the method none with a secret",
      withClient({ method: "none" }),
      '/servers/crm/grant/client/method: The method "none" is for clients without a credential. Remove one of the two.',
    ],
    [
      "a misspelled method",
      withClient({ method: "client_secret_bsic" }),
      '/servers/crm/grant/client/method: Must be one of "client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth", "none", found "client_secret_bsic". Did you mean "client_secret_basic"?',
    ],
    [
      "a kid that is true",
      withClient({ secret: undefined, key: { privateKey: { env: "K" }, kid: true } }),
      "/servers/crm/grant/client/key/kid: Must be `false` or a key id, found true.",
    ],
    [
      "an unknown type of grant",
      withGrant({ type: "device_code", client }),
      '/servers/crm/grant/type: Must be one of "client_credentials", "jwt_bearer", "token_exchange", "enterprise_managed", "refresh_token", "extension", "static", found a string of 11 characters. A grant type that is not in this list is { "type": "extension", "grantType": … }.',
    ],
    [
      "a static token without the type of the grant",
      withGrant({ token: { env: "T" } }),
      '/servers/crm/grant: The property "type" is missing. A grant with a "token" is { "type": "static", "token": … }.',
    ],
    [
      "a client in a static grant",
      withGrant({ type: "static", token: { env: "T" }, client }),
      '/servers/crm/grant/client: "client" belongs to the grant types client_credentials, jwt_bearer, token_exchange, enterprise_managed, refresh_token and extension.',
    ],
    [
      "a misspelled name of a client",
      withGrant({ cleint: client }),
      '/servers/crm/grant/cleint: Unknown property "cleint". Did you mean "client"?',
    ],
    [
      "an empty reference",
      withClient({ secret: {} }),
      '/servers/crm/grant/client/secret: Must be a reference to a secret, such as { "env": "NAME" } or { "file": "path" }, found an empty object.',
    ],
    [
      "an unknown kind of reference",
      withClient({ secret: { vault: "x" } }),
      '/servers/crm/grant/client/secret/vault: Unknown property "vault". Allowed here: env, file, exec, timeout, githubActions, gcp, azure, aws, resolver, ref, pointer.',
    ],
    [
      "an unknown property of a reference",
      withClient({ secret: { file: "x", watch: true } }),
      '/servers/crm/grant/client/secret/watch: Unknown property "watch". Allowed here: env, file, exec, timeout, githubActions, gcp, azure, aws, resolver, ref, pointer.',
    ],
    [
      "scopes in one string",
      withGrant({ client, scopes: ["a b"] }),
      "/servers/crm/grant/scopes/0: A scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3); write each scope as a separate item.",
    ],
    [
      "a scope twice",
      withGrant({ client, scopes: ["a", "a"] }),
      "/servers/crm/grant/scopes/1: This is in the list twice. Keep one of them.",
    ],
    [
      "a duration of zero",
      crm({ timeout: "0s" }),
      '/servers/crm/timeout: Must be a duration longer than zero, such as "500ms", "30s", "5m" or "1h", found a string of 2 characters.',
    ],
    [
      "a duration as a number",
      crm({ deadline: 30 }),
      '/servers/crm/deadline: Must be a duration longer than zero, such as "500ms", "30s", "5m" or "1h", found 30.',
    ],
    [
      "refresh that is true",
      withRefresh(true),
      "/servers/crm/refresh: Must be `false` (renew on demand only) or an object, found true.",
    ],
    [
      "a jitter over one",
      withRefresh({ jitter: 1.5 }),
      "/servers/crm/refresh/jitter: Must be at most 1, found 1.5.",
    ],
    [
      "seven cron fields",
      withRefresh({ schedule: "* * * * * * *" }),
      '/servers/crm/refresh/schedule: Must be a cron expression of five fields, or six with seconds first. For example "*/10 * * * *", every ten minutes.',
    ],
    [
      "an unknown time zone",
      withRefresh({ timezone: "Mars/Olympus" }),
      '/servers/crm/refresh/timezone: Must be an IANA time zone. For example "UTC" or "Europe/Berlin".',
    ],
    [
      "a retry min above the default of max",
      crm({ retry: { min: "20s" } }),
      "/servers/crm/retry/min: Must not be longer than `max`. The default of `max` is 10s.",
    ],
    [
      "a retry max below the min in `defaults`",
      { ...crm({ retry: { max: "1s" } }), defaults: { retry: { min: "2s" } } },
      "/servers/crm/retry/max: Must not be shorter than `min`. The default of `min` is 250ms.",
    ],
    [
      "a header Authorization",
      crm({ headers: { AUTHORIZATION: "x" } }),
      '/servers/crm/headers/AUTHORIZATION: The header Authorization is set by this package. For a token that you already have, use the grant { "type": "static", "token": … }.',
    ],
    [
      "a header twice",
      crm({ headers: { "X-A": "x", "x-a": "y" } }),
      "/servers/crm/headers/x-a: This header is defined twice. Header names are not case-sensitive.",
    ],
    [
      "a header with an invalid name",
      crm({ headers: { "x a": "x" } }),
      "/servers/crm/headers/x a: A header name has only letters, digits and !#$%&'*+.^_`|~-.",
    ],
    [
      "a header value with two lines",
      crm({ headers: { x: "a\r\nb: c" } }),
      "/servers/crm/headers/x: A header value is one line of Latin-1 text.",
    ],
    [
      "a header as a number",
      crm({ headers: { x: 12345 } }),
      '/servers/crm/headers/x: Must be a string or a reference, such as { "env": "NAME" } or { "file": "path" }, found a number. Write it in quotes.',
    ],
    [
      "a URL that is a path",
      crm({ url: "/mcp" }),
      "/servers/crm/url: Must be an absolute URL that starts with https:// (or http:// on loopback), found a string of 4 characters.",
    ],
    [
      "a text that is not a URL",
      crm({ url: "https://exa mple" }),
      "/servers/crm/url: Must be an absolute URL that starts with https:// (or http:// on loopback), found a string of 16 characters.",
    ],
    [
      "a URL with an invalid port",
      crm({ url: "https://a.example:99999" }),
      "/servers/crm/url: Must be an absolute URL. For example https://crm.example/mcp.",
    ],
    [
      "a URL with a password",
      crm({ url: "https://:pw@a.example" }),
      "/servers/crm/url: A URL here must not have a user name or password. Credentials belong in the `client` of the grant.",
    ],
    [
      "a URL with an empty fragment",
      crm({ url: "https://a.example/#" }),
      "/servers/crm/url: A URL here must not have a fragment. Remove the # and what follows it.",
    ],
    [
      "an issuer with a query",
      withClient({ issuer: "https://a.example?" }),
      "/servers/crm/grant/client/issuer: Must be the issuer of the authorization server: an https:// URL (or http:// on loopback) without query or fragment, found a string of 18 characters.",
    ],
    [
      "an http URL",
      crm({ url: "http://crm.example/mcp" }),
      "/servers/crm/url: Must be https: plain http is only for loopback. Write https://.",
    ],
    [
      "an unset variable",
      crm({ url: "${CRM_URL}" }),
      "/servers/crm/url: The environment variable CRM_URL is not set. Set it, or load a file that has it with node --env-file=FILE, or write a default: ${CRM_URL:-…}.",
    ],
    [
      "a function as a value",
      crm({ timeout: () => "1s" }),
      "/servers/crm/timeout: A config is plain data, found a function.",
    ],
  ])("one violation is reported for %s", async (_what, config, expected) => {
    expect(await violationsOf(config)).toEqual([expected]);
  });

  it("http on loopback is valid, and so are ports, paths and queries", async () => {
    for (const host of ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) {
      expect(await violationsOf({ ...crm({ url: `http://${host}:4000/mcp?tenant=1` }) })).toEqual([]);
      expect(await violationsOf(withClient({ issuer: `http://${host}:4000/realm` }))).toEqual([]);
    }
    for (const host of ["127.0.0.1.example", "localhost.example", "128.0.0.1", "[::2]", "0.0.0.0"]) {
      expect(await violationsOf(crm({ url: `http://${host}/mcp` }))).toHaveLength(1);
    }
  });

  it("an http URL or issuer fails only its server, with insecure_url", async () => {
    const servers = {
      a: { url: "http://a.example", grant: { client } },
      b: { url: "https://b.example", grant: { client: "acme" } },
      c: { url: "https://c.example", grant: { client } },
    };
    const config = { clients: { acme: { ...client, issuer: "http://auth.example" } }, servers };
    const spec = await loadConfig({ config, cwd: "/", env: {} });
    const codes = [...spec.servers.values()].map((entry) =>
      "failure" in entry ? entry.failure.code : "usable",
    );
    expect(codes).toEqual(["insecure_url", "insecure_url", "usable"]);
    expect(await violationsOf(config)).toHaveLength(2);
  });

  it("a contradiction in the defaults is reported once, at its position", async () => {
    const config = {
      defaults: { retry: { min: "20s", max: "10s" } },
      servers: { a: smallest.servers.crm, b: smallest.servers.crm },
    };
    expect((await violationsOf(config)).map((line) => line.split(":")[0])).toEqual(["/defaults/retry/min"]);
  });

  it("an object that contains itself is reported", async () => {
    const config: Record<string, unknown> = { servers: {} };
    config["servers"] = { crm: config };
    expect((await violationsOf(config)).join()).toContain("contains itself");
  });

  it("control characters in property names are escaped in messages", async () => {
    const [line] = await violationsOf({ ...smallest, "\u001b[2Jx\n": 1 });
    expect(line).toMatch(/^\/\\u001b\[2Jx\\u000a: /);
  });
});

describe("a literal in place of a reference", () => {
  const literal = "s3cr3t-V4lue-0451";
  it.each([
    ["client secret", withClient({ secret: literal }), '{ "env": "CRM_SECRET" }'],
    [
      "private key",
      { ...smallest, keys: { "my-agent": { privateKey: literal } } },
      '{ "env": "MY_AGENT_PRIVATE_KEY" }',
    ],
    [
      "passphrase",
      { ...smallest, keys: { k: { privateKey: { env: "K" }, passphrase: literal } } },
      '{ "env": "K_PASSPHRASE" }',
    ],
    ["static token", withGrant({ type: "static", token: literal }), '{ "env": "CRM_TOKEN" }'],
    [
      "interpolation with a literal default",
      withClient({ secret: `\${CRM_KEY:-${literal}}` }),
      '{ "env": "CRM_KEY" }',
    ],
    ["interpolated text", withClient({ secret: `\${PART}${literal}` }), '{ "env": "CRM_SECRET" }'],
    ["name of a variable", withClient({ secret: { env: literal } }), "name of an environment variable"],
    ["method", withClient({ method: literal }), "Must be one of"],
    ["grant type", withGrant({ type: literal, client }), "Must be one of"],
    ["number", withClient({ secret: 3141592653 }), "found a number."],
    ["url", crm({ url: `https://agent:${literal}@crm.example` }), "must not have a user name or password"],
  ])(
    "a literal in place of a reference is one violation that does not show the literal: %s",
    async (_what, config, expected) => {
      const lines = await violationsOf(config);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(expected);
      expect(lines[0]).not.toMatch(/s3cr3t|V4lue|0451|3141592653/);
      const error: unknown = await loadConfig({ config: config as never, cwd: "/", env: {} }).catch(
        (e: unknown) => e,
      );
      expect(inspect(error, { depth: 9 })).not.toMatch(/s3cr3t|V4lue|0451|3141592653/);
    },
  );

  it.each(["${CRM_SECRET}", "${env:CRM_SECRET}", "${CRM_SECRET:-x}"])(
    "the hint for %s in place of a reference is the reference to write",
    async (text) => {
      const [line, ...more] = await violationsOf(withClient({ secret: text }), { CRM_SECRET: "v4lue" });
      expect(more).toEqual([]);
      expect(line).toContain('Write { "env": "CRM_SECRET" }.');
      expect(line).not.toContain("v4lue");
    },
  );
});

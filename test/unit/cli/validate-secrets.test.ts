import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type CertificateOptions, createAuthority, selfSigned } from "../../support/certificates.js";
import { sendJson, startHttpServer } from "../../support/http-server.js";
import { unsignedJwt } from "../oauth/fixtures.js";
import { command, project } from "./command.js";

const issuer = "https://auth.example";
const client = { issuer, id: "agent", secret: { env: "CLIENT_SECRET" } };
const key = { privateKey: { env: "KEY" } };
const node = (code: string) => ({ exec: [process.execPath, "-e", code] });

const config = (servers: Readonly<Record<string, object>>) => {
  const written = Object.entries(servers).map(([name, server]) => [
    name,
    { url: `https://${name}.example/mcp`, ...server },
  ]);
  return JSON.stringify({ servers: Object.fromEntries(written) });
};

async function validate(
  servers: Readonly<Record<string, object>>,
  env: Readonly<Record<string, string>> = {},
  files: Readonly<Record<string, string>> = {},
) {
  const cwd = await project({ "mcp-auth.config.json": config(servers), ...files });
  const result = await command(["validate", "--secrets", "--json"], { cwd, env });
  const { secrets, skipped, violations } = JSON.parse(result.out) as {
    secrets: { code: string; server: string; message: string }[];
    skipped: { server: string; message: string }[];
    violations: unknown[];
  };
  expect(violations).toEqual([]);
  expect(result.out + result.err).not.toContain("canary");
  return { cwd, code: result.code, secrets, skipped, messages: secrets.map(({ message }) => message) };
}

describe("the secrets of each kind of server", () => {
  test.each<[string, object, readonly string[]]>([
    ["the secret of a client", { grant: { client } }, ["CLIENT_SECRET"]],
    [
      "the platform's JWT for a client",
      { grant: { client: { issuer, id: "a", assertion: { env: "JWT" } } } },
      ["JWT"],
    ],
    ["the key of a client", { grant: { client: { issuer, id: "a", key } } }, ["KEY"]],
    [
      "the certificate of a client",
      {
        grant: {
          client: { issuer, id: "a", certificate: { cert: { env: "CERT" }, key: { env: "CERT_KEY" } } },
        },
      },
      ["CERT", "CERT_KEY"],
    ],
    ["no secret of a public client", { grant: { client: { issuer, id: "a" } } }, []],
    ["a static token", { grant: { type: "static", token: { env: "TOKEN" } } }, ["TOKEN"]],
    [
      "the assertion of a workload",
      { grant: { type: "jwt_bearer", client: { issuer }, assertion: { env: "JWT" } } },
      ["JWT"],
    ],
    [
      "the key of a signed assertion, in addition to the client's secret",
      { grant: { type: "jwt_bearer", client, assertion: { key, issuer: "me", subject: "me" } } },
      ["CLIENT_SECRET", "KEY"],
    ],
    [
      "the subject and actor tokens of a token exchange",
      {
        grant: {
          type: "token_exchange",
          client,
          subject: { token: { env: "SUBJECT" } },
          actor: { token: { env: "ACTOR" } },
        },
      },
      ["CLIENT_SECRET", "SUBJECT", "ACTOR"],
    ],
    [
      "both clients and the subject of an enterprise-managed grant",
      {
        grant: {
          type: "enterprise_managed",
          client,
          idp: {
            client: { issuer: "https://idp.example", id: "b", secret: { env: "IDP_SECRET" } },
            subject: { token: { env: "ID_TOKEN" } },
          },
        },
      },
      ["CLIENT_SECRET", "IDP_SECRET", "ID_TOKEN"],
    ],
    [
      "headers and parameters that are references",
      {
        headers: { "x-plain": "plain", "x-key": { env: "HEADER" } },
        grant: { client, params: { plain: "plain", account: { env: "PARAM" } } },
      },
      ["HEADER", "CLIENT_SECRET", "PARAM"],
    ],
    [
      "the headers of both clients that are references",
      {
        grant: {
          type: "enterprise_managed",
          client: { ...client, headers: { "x-plain": "plain", "x-key": { env: "CLIENT_HEADER" } } },
          idp: {
            client: {
              issuer: "https://idp.example",
              id: "b",
              secret: { env: "IDP_SECRET" },
              headers: { "x-key": { env: "IDP_HEADER" } },
            },
            subject: { token: { env: "ID_TOKEN" } },
          },
        },
      },
      ["CLIENT_SECRET", "CLIENT_HEADER", "IDP_SECRET", "IDP_HEADER", "ID_TOKEN"],
    ],
    [
      "the key that tokens are bound to",
      { dpop: { key: { privateKey: { env: "DPOP_KEY" } } }, grant: { client } },
      ["CLIENT_SECRET", "DPOP_KEY"],
    ],
    [
      "the certificate of a signer, which does not run",
      {
        grant: {
          client: {
            issuer,
            id: "a",
            key: {
              signer: node("throw new Error('canary')"),
              alg: "ES256",
              certificate: { env: "SIGNER_CERT" },
            },
          },
        },
      },
      ["SIGNER_CERT"],
    ],
  ])("validate --secrets reads %s", async (_, server, names) => {
    const { secrets, skipped, code, messages } = await validate({ crm: server });
    const missing = names.map(
      (name) =>
        `Server "crm": ${name} is not set. Set it, or load a file that has it with node --env-file=FILE.`,
    );
    expect(messages.toSorted()).toEqual(missing.toSorted());
    for (const failure of secrets)
      expect(failure).toMatchObject({ code: "secret_unavailable", server: "crm" });
    expect(skipped).toEqual([]);
    expect(code).toBe(names.length === 0 ? 0 : 2);
  });
});

describe("the checks of validate --secrets", () => {
  test("validate --secrets checks that keys and certificates are valid", async () => {
    const identity = await selfSigned();
    const other = await selfSigned();
    const pair = (cert: string) => ({
      grant: { client: { issuer, id: "a", certificate: { cert: { env: cert }, key: { env: "CERT_KEY" } } } },
    });
    const env = {
      KEY: "canary: no key",
      CERT: identity.certificate,
      OTHER_CERT: other.certificate,
      CERT_KEY: identity.privateKey,
    };
    const servers = {
      key: { grant: { client: { issuer, id: "a", key } } },
      good: pair("CERT"),
      bad: pair("OTHER_CERT"),
    };
    const { secrets, code } = await validate(servers, env);
    expect(code).toBe(2);
    expect(secrets).toMatchObject([
      { code: "key_invalid", server: "key" },
      { code: "key_invalid", server: "bad" },
    ]);
  });

  test("validate --secrets checks that a secret for a header is valid in a header", async () => {
    const server = {
      headers: { "x-key": { env: "HEADER" } },
      grant: { type: "static", token: { env: "TOKEN" } },
    };
    const { messages } = await validate({ crm: server }, { HEADER: "canary\nx: y", TOKEN: "t" });
    expect(messages).toEqual([
      'Server "crm": could not read the secret from the environment variable "HEADER": ' +
        "its value cannot be sent in a header, which is one line of Latin-1 text.",
    ]);
    expect((await validate({ crm: server }, { HEADER: "ok", TOKEN: "t" })).code).toBe(0);
  });

  test("validate --secrets reports a secret that several servers and properties use only once", async () => {
    const shared = { headers: { "x-key": { env: "CLIENT_SECRET" } }, grant: { client } };
    const { secrets } = await validate({
      a: shared,
      b: shared,
      c: { grant: { client: { ...client, id: "c" } } },
    });
    expect(secrets.map(({ server }) => server)).toEqual(["a"]);
  });

  test("validate --secrets reads the token of the local proxy", async () => {
    const text = JSON.stringify({
      proxy: { token: { env: "PROXY_TOKEN" } },
      servers: { crm: { url: "https://crm.example/mcp", grant: { client } } },
    });
    const cwd = await project({ "mcp-auth.config.json": text });
    const { out } = await command(["validate", "--secrets", "--json"], { cwd, env: { CLIENT_SECRET: "s" } });
    expect(JSON.parse(out)).toMatchObject({ secrets: [{ code: "secret_unavailable" }] });
    expect(out).toContain("PROXY_TOKEN");
  });

  test("validate --secrets skips secrets that no server uses, and reads those of a server with an unset variable", async () => {
    const text = JSON.stringify({
      clients: {
        unused: { ...client, secret: { env: "UNUSED" } },
        used: { ...client, secret: { env: "USED" } },
      },
      servers: {
        crm: {
          url: "https://${HOST}/mcp",
          headers: { "x-key": { env: "KEY" }, "x-file": { file: "${FOLDER}/key" } },
          grant: { client: "used", type: "${TYPE:-client_credentials}" },
        },
        erp: {
          url: "https://erp.example/mcp",
          grant: { type: "${GRANT}", client: { ...client, issuer: "${I}" } },
        },
      },
    });
    const cwd = await project({ "mcp-auth.config.json": text });
    const { out } = await command(["validate", "--secrets", "--json"], { cwd, env: { KEY: "canary\nx" } });
    expect(out).not.toContain("canary");
    const { secrets, violations } = JSON.parse(out) as Record<string, { pointer: string; message: string }[]>;
    expect(violations?.map(({ pointer }) => pointer)).toEqual([
      "/servers/crm/url",
      "/servers/crm/headers/x-file/file",
      "/servers/erp/grant/type",
      "/servers/erp/grant/client/issuer",
    ]);
    expect(secrets?.map(({ pointer, message }) => `${pointer} ${message.split(". ")[0]}`)).toEqual([
      '/clients/used/secret Server "crm": USED is not set',
      '/servers/crm/headers/x-key Server "crm": could not read the secret from the environment variable "KEY": its value cannot be sent in a header, which is one line of Latin-1 text.',
      '/servers/erp/grant/client/secret Server "erp": CLIENT_SECRET is not set',
    ]);
  });

  test("validate --secrets reads the variables and files of a config that has other mistakes, but runs no command", async () => {
    const text = JSON.stringify({
      store: { type: "file", encryptionKey: { env: "STORE_KEY" } },
      clients: { unused: { ...client, secret: { env: "UNUSED" } } },
      keys: { agent: { privateKey: { file: "./agent.pem" } } },
      servers: {
        crm: {
          url: "https://crm.example/mcp",
          grant: { client: { issuer, id: "a", key: "agent" } },
          typo: 1,
        },
        erp: {
          url: "https://erp.example/mcp",
          headers: { env: "a plain header" },
          grant: { type: "static", token: node('require("node:fs").writeFileSync("ran", "x")') },
        },
      },
    });
    const cwd = await project({ "mcp-auth.config.json": text });
    const { out, code } = await command(["validate", "--secrets", "--json"], { cwd });
    const { secrets, violations } = JSON.parse(out) as Record<string, { pointer: string; message: string }[]>;
    expect([code, violations?.length]).toEqual([2, 1]);
    expect(secrets?.map(({ message }) => message.replace(cwd, "CWD"))).toEqual([
      'The section "store" of the config: STORE_KEY is not set. Set it, or load a file that has it with node --env-file=FILE.',
      'Key "agent": could not read the secret from the file "CWD/agent.pem": it does not exist. Create it, or correct its path.',
    ]);
    await expect(readFile(join(cwd, "ran"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("validate --secrets prints one line with its position for each mistake", async () => {
    const cwd = await project({
      "mcp-auth.config.yaml": `servers:
  crm:
    url: https://crm.example/mcp
    headers:
      x-key: { env: HEADER }
    grant:
      client:
        issuer: https://auth.example
        id: a
        key:
          privateKey: { env: KEY }
          passphrase: { file: ./gone }
`,
    });
    const { out, err } = await command(["validate", "--secrets"], { cwd });
    const set = "Set it, or load a file that has it with node --env-file=FILE.";
    expect(out.replaceAll(cwd, "CWD")).toBe(
      `mcp-auth.config.yaml:5:14 /servers/crm/headers/x-key: Server "crm": HEADER is not set. ${set}\n` +
        `mcp-auth.config.yaml:11:23 /servers/crm/grant/client/key/privateKey: Server "crm": KEY is not set. ${set}\n` +
        'mcp-auth.config.yaml:12:23 /servers/crm/grant/client/key/passphrase: Server "crm": could not read the passphrase ' +
        'from the file "CWD/gone": it does not exist. Create it, or correct its path.\n',
    );
    expect(err).toBe("3 mistakes\n");
  });
});

describe("what a secret holds", () => {
  const jwt = (claims: object) =>
    `${Buffer.from("{}").toString("base64url")}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.canary`;
  const servers = {
    secret: { grant: { client } },
    token: { grant: { type: "static", token: { env: "CLIENT_SECRET" } } },
    subject: {
      grant: {
        type: "token_exchange",
        client: { issuer, id: "a" },
        subject: { token: { env: "CLIENT_SECRET" } },
      },
    },
    assertion: { grant: { type: "jwt_bearer", client: { issuer }, assertion: { env: "CLIENT_SECRET" } } },
    signing: { grant: { client: { ...client, method: "client_secret_jwt" } } },
    header: { headers: { "x-key": { env: "CLIENT_SECRET" } }, grant: { client: { issuer, id: "a" } } },
  };
  const variable = 'the environment variable "CLIENT_SECRET"';
  const unreadable = `could not read the secret from ${variable}: `;

  test.each<[string, keyof typeof servers, string, string]>([
    [
      "white space at its end",
      "secret",
      "canary ",
      `Remove the white space at the end of the secret in ${variable}, unless it belongs there.`,
    ],
    [
      "white space at its start",
      "header",
      " canary",
      `Remove the white space at the beginning of the secret in ${variable}, unless it belongs there.`,
    ],
    [
      "quotes around it",
      "secret",
      "'canary'",
      `Remove the quotes around the secret in ${variable}, unless they belong there.`,
    ],
    [
      "a line break",
      "secret",
      "canary\n\n",
      `Remove the line breaks from the secret in ${variable}, unless they belong there.`,
    ],
    [
      "a private key",
      "secret",
      "-----BEGIN PRIVATE KEY-----\ncanary",
      `${variable} holds a private key, which would be sent as it is.`,
    ],
    [
      "a JSON document",
      "secret",
      '{ "secret": "canary" }',
      `${variable} holds a JSON document, which would be used as a whole.`,
    ],
    [
      "a variable that nothing has replaced",
      "secret",
      "${CANARY}",
      `${variable} holds a placeholder and not the secret.`,
    ],
    [
      "a reference of 1Password",
      "header",
      "op://canary/crm",
      `${variable} holds a placeholder and not the secret.`,
    ],
    ["stars", "secret", "****", `${variable} holds a placeholder and not the secret.`],
    [
      "the word Bearer before a token",
      "subject",
      "Bearer canary",
      `the token in ${variable} begins with "Bearer".`,
    ],
    [
      "letters outside of ASCII",
      "secret",
      "canary-ü",
      `the secret in ${variable} has characters outside of ASCII`,
    ],
  ])("%s is a warning with its position, and no mistake", async (_, name, value, warning) => {
    const cwd = await project({ "mcp-auth.config.json": config({ [name]: servers[name] }) });
    const { code, out, err } = await command(["validate", "--secrets"], {
      cwd,
      env: { CLIENT_SECRET: value },
    });
    expect([code, out]).toEqual([0, "mcp-auth.config.json: no mistakes, 1 server\n"]);
    expect(err).toMatch(/^warning: mcp-auth\.config\.json:1:\d+ \/servers\/\S+: Server "\w+": /);
    expect(err).toContain(warning);
    expect(err).not.toContain("canary");
    expect(err.trimEnd().split("\n")).toHaveLength(1);
  });

  test.each<[string, keyof typeof servers, string, string]>([
    [
      "the word Bearer before a static token",
      "token",
      "Bearer canary",
      `${unreadable}it begins with "Bearer". Remove that word`,
    ],
    [
      "a static token with a line break",
      "token",
      "can\nary",
      `${unreadable}its value cannot be sent in a header`,
    ],
    [
      "a static token that has expired",
      "token",
      jwt({ exp: 1 }),
      `${unreadable}its "exp" is in the past. Replace the token`,
    ],
    [
      "a subject token that has expired",
      "subject",
      jwt({ exp: 1 }),
      `${unreadable}its "exp" is in the past. Replace the token`,
    ],
    [
      "an assertion that has expired",
      "assertion",
      jwt({ exp: 1 }),
      `${unreadable}its "exp" is in the past. Check that the platform`,
    ],
    ["an assertion that is no JWT", "assertion", "canary", `${unreadable}it is not a JWT`],
    [
      "a secret that is too short to sign",
      "signing",
      "canary",
      `the client secret in ${variable} is too short to sign with HS256`,
    ],
    ["a placeholder in place of an assertion", "assertion", "${CANARY}", `${unreadable}it is not a JWT`],
  ])("%s is a mistake", async (_, name, value, problem) => {
    const { code, messages } = await validate({ [name]: servers[name] }, { CLIENT_SECRET: value });
    expect(code).toBe(2);
    expect(messages).toEqual([expect.stringContaining(`Server "${name}": ${problem}`)]);
  });

  test("tokens and assertions that are valid, and values that only look unusual for another use, cause nothing", async () => {
    const later = { exp: Math.round(Date.now() / 1_000) + 600 };
    for (const [name, value] of [
      ["assertion", jwt(later)],
      ["token", jwt(later)],
      ["subject", jwt({ iat: 1 })],
      ["secret", jwt({ exp: 1 })],
      ["header", "Bearer canary"],
      ["signing", "canary".repeat(6)],
    ] as const) {
      const cwd = await project({ "mcp-auth.config.json": config({ [name]: servers[name] }) });
      const { code, err } = await command(["validate", "--secrets"], { cwd, env: { CLIENT_SECRET: value } });
      expect([name, code, err]).toEqual([name, 0, ""]);
    }
  });

  test("a certificate that is not for clients is a warning, and one that has expired or is not valid yet a mistake", async () => {
    const grant = {
      client: { issuer, id: "a", certificate: { cert: { env: "CERT" }, key: { env: "CERT_KEY" } } },
    };
    const run = async (options: CertificateOptions) => {
      const { certificate, privateKey } = await (await createAuthority()).issue(options);
      const cwd = await project({ "mcp-auth.config.json": config({ crm: { grant } }) });
      return await command(["validate", "--secrets"], {
        cwd,
        env: { CERT: certificate, CERT_KEY: privateKey },
      });
    };
    expect((await run({ client: true })).err).toBe("");
    const serverOnly = await run({ server: true });
    expect(serverOnly.code).toBe(0);
    expect(serverOnly.err).toContain(
      'lacks the extended key usage "clientAuth", so most servers do not accept it. Have one issued',
    );
    const notAfter = new Date("2020-01-01T00:00:00Z");
    const expired = await run({ client: true, notBefore: new Date("2019-01-01T00:00:00Z"), notAfter });
    expect([expired.code, expired.out]).toEqual([2, expect.stringContaining("/cert: ")]);
    expect(expired.out).toContain("it expired at 2020-01-01T00:00:00.000Z");
    const notBefore = new Date(Date.now() + 86_400_000);
    expect((await run({ client: true, notBefore })).out).toContain("it is not valid before");
  });

  test("the id of a client with a line break or letters outside of ASCII is a warning", async () => {
    const grant = { client: { issuer, id: "${ID}" } };
    const cwd = await project({ "mcp-auth.config.json": config({ crm: { grant } }) });
    const run = async (ID: string) => (await command(["validate", "--secrets"], { cwd, env: { ID } })).err;
    expect(await run("agent")).toBe("");
    expect(await run("agent ")).toContain(
      'Remove the white space at the end of the client\'s "id", unless it belongs',
    );
    expect(await run("ägent")).toContain('the client\'s "id" has characters outside of ASCII');
  });

  test("an encryption key that is not 32 bytes in base64url is a mistake at its place", async () => {
    const text = JSON.stringify({
      store: { type: "file", encryptionKey: [{ env: "NEW" }, { env: "OLD" }] },
      servers: { crm: { url: "https://crm.example/mcp", grant: { client: { issuer, id: "a" } } } },
    });
    const cwd = await project({ "mcp-auth.config.json": text });
    const { out } = await command(["validate", "--secrets", "--json"], {
      cwd,
      env: { NEW: "A".repeat(43), OLD: "canary" },
    });
    expect(JSON.parse(out).secrets).toMatchObject([
      { code: "key_invalid", pointer: "/store/encryptionKey/1" },
    ]);
    expect(out).not.toContain("canary");
  });
});

test("validate --secrets checks that the package of the store is installed", async () => {
  const text = JSON.stringify({
    store: { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "STORE_KEY" } },
    servers: { crm: { url: "https://crm.example/mcp", grant: { client: { issuer, id: "a" } } } },
  });
  const cwd = await project({ "mcp-auth.config.json": text });
  const env = { REDIS_URL: "redis://localhost", STORE_KEY: "A".repeat(43) };
  expect((await command(["validate", "--secrets"], { cwd, env })).code).toBe(0);
  vi.doMock("redis", () => {
    throw Object.assign(new Error("not installed"), { code: "ERR_MODULE_NOT_FOUND" });
  });
  onTestFinished(() => void vi.doUnmock("redis"));
  const { code, out } = await command(["validate", "--secrets", "--json"], { cwd, env });
  expect(code).toBe(2);
  expect(JSON.parse(out).secrets).toEqual([
    expect.objectContaining({
      code: "config_invalid",
      message: expect.stringContaining("npm install redis@6"),
    }),
  ]);
});

describe("commands of the config", () => {
  const notes = (text: string) =>
    node(`require("node:fs").appendFileSync("ran", "x"); console.log(${JSON.stringify(text)})`);
  const server = { grant: { client: { issuer, id: "a", secret: notes("canary") } } };

  test("the commands of a config run only with --secrets, and once for all servers that use them", async () => {
    const { cwd, code } = await validate({ a: server, b: server });
    expect(code).toBe(0);
    expect(await readFile(join(cwd, "ran"), "utf8")).toBe("x");
    const silent = await project({ "mcp-auth.config.json": config({ a: server }) });
    expect((await command(["validate"], { cwd: silent })).code).toBe(0);
    await expect(readFile(join(silent, "ran"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("the commands of a config do not run if the environment forbids it", async () => {
    const { cwd, messages } = await validate({ a: server }, { MCP_AUTH_ALLOW_EXEC: "0" });
    expect(messages).toEqual([expect.stringContaining("running commands is forbidden here")]);
    await expect(readFile(join(cwd, "ran"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("validate --secrets names a command that fails, without its output", async () => {
    const failing = node("console.log('canary'); console.error('canary'); process.exit(9)");
    const { messages } = await validate({ a: { grant: { type: "static", token: failing } } });
    expect(messages).toEqual([
      `Server "a": could not read the token from the command ${JSON.stringify(process.execPath)}: it ended with exit code 9.`,
    ]);
  });

  test("an interrupt ends validate --secrets and its command with exit code 130 and without further output", async () => {
    const listener = createServer();
    onTestFinished(() => void listener.close());
    await once(listener.listen(0, "127.0.0.1"), "listening");
    // A TCP server that listens has an address object.
    const { port } = listener.address() as AddressInfo;
    const connected = once(listener, "connection");
    const token = node(`require("node:net").connect(${port}, "127.0.0.1"); setInterval(() => {}, 1000)`);
    const cwd = await project({
      "mcp-auth.config.json": config({ a: { grant: { type: "static", token } } }),
    });
    const interrupt = new AbortController();
    const running = command(["validate", "--secrets"], { cwd, signal: interrupt.signal });
    const [socket]: Socket[] = await connected;
    const closed = socket && once(socket.on("error", () => {}).resume(), "close");
    interrupt.abort();
    expect(await running).toEqual({ code: 130, out: "", err: "" });
    await closed;
  });
});

describe("a secret that only code can provide", () => {
  const servers = {
    a: { grant: { type: "token_exchange", client, subject: { token: { runtime: true } } } },
    b: {
      grant: {
        type: "enterprise_managed",
        client,
        idp: { client, subject: { token: { runtime: true } } },
      },
    },
    c: { grant: { client: { issuer, id: "c", secret: { resolver: "aws", ref: "prod/crm" } } } },
    d: { grant: { client: { issuer, id: "d", key: { privateKey: { resolver: "aws", ref: "k" } } } } },
    e: { grant: { client: { issuer, id: "e", key: { signer: { name: "kms" }, alg: "ES256" } } } },
  };
  const expected = [
    'Server "a": the token of its user is given at run time, so it was not checked.',
    'Server "b": the token of its user is given at run time, so it was not checked.',
    'Server "c": the resolver "aws" is a function given in code, so its secret was not checked.',
    'Server "d": the resolver "aws" is a function given in code, so its secret was not checked.',
    'Server "e": the signer "kms" is a function given in code, so it was not checked.',
  ];

  test("is skipped with a note, and is no mistake", async () => {
    const env = { CLIENT_SECRET: "s" };
    const { code, secrets, skipped } = await validate(servers, env);
    expect([code, secrets]).toEqual([0, []]);
    expect(skipped).toEqual(expected.map((message) => ({ server: message.slice(8, 9), message })));
    const cwd = await project({ "mcp-auth.config.json": config(servers) });
    expect(await command(["validate", "--secrets"], { cwd, env })).toEqual({
      code: 0,
      out: "mcp-auth.config.json: no mistakes, 5 servers\n",
      err: expected.map((message) => `${message}\n`).join(""),
    });
    expect((await command(["validate"], { cwd })).err).toBe("");
  });
});

test("the ID token of a GitHub Actions job is requested, and outside of a job it is not checked", async () => {
  const value = "e30.e30.canary";
  const server = await startHttpServer((_, response) => sendJson(response, { value }));
  onTestFinished(() => server.close());
  const assertion = { githubActions: { audience: issuer } };
  const servers = { a: { grant: { type: "jwt_bearer", client: { issuer }, assertion } } };
  const env = {
    ACTIONS_ID_TOKEN_REQUEST_URL: `${server.origin}/?v=1`,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "t",
  };
  expect((await validate(servers, env)).code).toBe(0);
  expect(server.requests.map(({ url }) => url)).toEqual(["/?v=1&audience=https%3A%2F%2Fauth.example"]);
  const outside = await validate(servers);
  expect(outside.code).toBe(0);
  expect(outside.skipped).toEqual([
    {
      server: "a",
      message:
        'Server "a": the ID token of a GitHub Actions job comes from the platform, so it was not checked here.',
    },
  ]);
  const withoutPermission = await validate(servers, { GITHUB_ACTIONS: "true" });
  expect(withoutPermission.code).toBe(2);
  expect(withoutPermission.messages).toEqual([expect.stringContaining("`permissions: { id-token: write }`")]);
});

test("the identity of the machine is requested, and the error on another machine says where it exists", async () => {
  const server = await startHttpServer((_, response) => {
    response.setHeader("metadata-flavor", "Google");
    response.end(unsignedJwt({ aud: issuer }));
  });
  onTestFinished(() => server.close());
  const withAssertion = (assertion: object) => ({
    grant: { type: "jwt_bearer", client: { issuer }, assertion },
  });
  const gcp = { a: withAssertion({ gcp: { audience: issuer } }) };
  const GCE_METADATA_HOST = new URL(server.origin).host;
  expect((await validate(gcp, { GCE_METADATA_HOST })).code).toBe(0);
  expect(server.requests).toHaveLength(1);
  const elsewhere = await validate({
    ...gcp,
    b: withAssertion({ azure: { resource: "api://a" } }),
    c: withAssertion({ aws: { audience: issuer } }),
  });
  expect([elsewhere.code, elsewhere.skipped.length]).toEqual([0, 3]);
  await server.close();
  const failed = await validate(gcp, { GCE_METADATA_HOST });
  expect(failed.messages).toEqual([expect.stringContaining("It exists only on Google Cloud")]);
});

describe("validate --json", () => {
  test("validate --json prints JSON with the error if there is no config", async () => {
    const cwd = await project();
    const result = await command(["validate", "--json"], { cwd });
    expect([result.code, result.err]).toEqual([2, ""]);
    expect(JSON.parse(result.out)).toEqual({
      valid: false,
      violations: [],
      warnings: [],
      secrets: [],
      skipped: [],
      error: {
        name: "McpAuthError",
        code: "config_not_found",
        retryable: false,
        message: expect.stringContaining(join(cwd, "mcp-auth.config.json")),
      },
    });
    const named = await command(["validate", "--json", "--config", "none.json"], { cwd });
    expect(named.code).toBe(2);
    expect(JSON.parse(named.out).error).toMatchObject({
      code: "config_not_found",
      message: expect.stringContaining("none.json, which does not exist"),
    });
  });

  test("validate --json prints JSON if the file cannot be parsed", async () => {
    const cwd = await project({ "mcp-auth.config.json": "{" });
    const result = await command(["validate", "--json"], { cwd });
    expect([result.code, result.err]).toEqual([2, ""]);
    expect(JSON.parse(result.out)).toMatchObject({ valid: false, violations: [{ line: 1 }] });
  });
});

test("a .env file beside the config that has an unset variable is named, for secrets and for ${NAME}", async () => {
  const file = (cwd: string) => join(cwd, ".env");
  const secret = await validate({ crm: { grant: { client } } }, {}, { ".env": "CLIENT_SECRET=canary\n" });
  expect(secret.messages).toEqual([
    `Server "crm": CLIENT_SECRET is not set, but ${file(secret.cwd)} has it. ` +
      `Load that file with node --env-file=${file(secret.cwd)}, or set it.`,
  ]);
  const url = "https://${CRM_HOST}/mcp";
  const cwd = await project({
    "mcp-auth.config.json": config({ crm: { url, grant: { client } } }),
    ".env": "CRM_HOST=canary.example\n",
  });
  const { code, out } = await command(["validate"], { cwd });
  expect([code, out]).toEqual([
    2,
    `mcp-auth.config.json:1:26 /servers/crm/url: The environment variable CRM_HOST is not set, but ${file(cwd)} has it. ` +
      `Load that file with node --env-file=${file(cwd)}, or set it, or write a default: \${CRM_HOST:-…}.\n`,
  ]);
});

test("validate without --secrets says that it read no secrets, if the config has any", async () => {
  const withoutSecret = { crm: { grant: { client: { issuer, id: "a" } } } };
  const withSecret = { crm: { grant: { client: { issuer, id: "a", secret: { env: "CLIENT_SECRET" } } } } };
  const env = { CLIENT_SECRET: "s" };
  for (const [servers, argv, hint] of [
    [withSecret, ["validate"], " (secrets not read: add --secrets)"],
    [withSecret, ["validate", "--secrets"], ""],
    [withoutSecret, ["validate"], ""],
  ] as const) {
    const cwd = await project({ "mcp-auth.config.json": config(servers) });
    const { out } = await command(argv, { cwd, env });
    expect(out).toBe(`mcp-auth.config.json: no mistakes, 1 server${hint}\n`);
  }
});

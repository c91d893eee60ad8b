import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/main.js";
import { createMcpAuth } from "../../src/index.js";
import { Secret } from "../../src/lib/secret.js";
import { createFileStore } from "../../src/stores/file.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import type { TokenStore } from "../../src/stores/store.js";
import { isEntryName } from "../../src/stores/store-names.js";
import { entryName } from "../support/entry-names.js";
import { fakeClock } from "../support/fake-clock.js";
import type { Handler } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { jwt } from "./canaries-stage.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

const anotherKey = () => randomBytes(32).toString("base64url");

interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

async function place(config: object): Promise<Place> {
  const folder = await temporaryFolder();
  const store = { type: "file", path: "./state", encryptionKey: { env: "KEY" } };
  await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify({ store, ...config }));
  return { folder, env: { KEY: randomBytes(32).toString("base64url"), SECRET: agentSecret } };
}

async function command(
  { folder, env }: Place,
  argv: readonly string[],
  more: Readonly<Record<string, string>> = {},
) {
  let [out, err] = ["", ""];
  const code = await run(argv, {
    cwd: folder,
    env: { ...env, ...more },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    color: false,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

/** Opens the store that the commands in a folder use. */
function storeIn({ folder }: Place): TokenStore {
  const store = createFileStore({ path: join(folder, "state") });
  onTestFinished(() => store.close());
  return store;
}

async function entriesIn(at: Place): Promise<readonly string[]> {
  return (await storeIn(at).keys("")).toSorted();
}

const granted: Handler = (_request, response) => void response.writeHead(200).end();

/** Starts a scripted authorization server, whose tokens and response to a revocation the test decides. */
async function issuing(token: () => string, revocation?: Handler, lifetime = 3_600) {
  const server = await startScriptedServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      const endpoint = revocation === undefined ? {} : { revocation_endpoint: `${issuer}/revoke` };
      return sendJson(response, { issuer, token_endpoint: `${issuer}/token`, ...endpoint });
    }
    if (request.url === "/token") {
      const id_token = jwt(issuer, { aud: "agent" });
      return sendJson(response, {
        access_token: token(),
        token_type: "Bearer",
        expires_in: lifetime,
        id_token,
      });
    }
    if (request.url === "/revoke" && revocation !== undefined) return revocation(request, response);
    // The MCP server refuses every token.
    if (request.url === "/mcp") return void response.writeHead(401).end();
    return sendJson(response, {}, 404);
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const at = await place({ servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } } });
  return {
    server,
    at,
    tokenRequestCount: () => server.requests.filter(({ url }) => url === "/token").length,
  };
}

/** Makes a call that the MCP server refuses, as an agent with the same config. */
async function refusedCall({ folder, env }: Place): Promise<void> {
  const auth = await createMcpAuth({ config: join(folder, "mcp-auth.config.json"), env });
  auth.on("token:warning", () => {});
  const manager = auth.resolve("crm");
  expect((await manager.fetch(manager.url)).status).toBe(401);
  await auth.stop();
}

function counting(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `t${count}`;
  };
}

describe("a command that runs every minute", () => {
  test("a command that runs every minute requests one token and reads the metadata once", async () => {
    const { server, at } = await issuing(counting());
    expect(await command(at, ["token", "crm"])).toEqual({ code: 0, out: "t1\n", err: "" });
    const before = server.requests.length;
    expect((await command(at, ["token", "crm"])).out).toBe("t1\n");
    expect(server.requests.length).toBe(before);
    expect((await command(at, ["token", "crm", "--force-refresh"])).out).toBe("t2\n");
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
  });

  test("a command reports a missing or malformed key of the store", async () => {
    const { at, tokenRequestCount } = await issuing(counting());
    const missing = await command({ ...at, env: { SECRET: "s" } }, ["token", "crm"]);
    expect(missing.code).toBe(2);
    expect(missing.err).toContain("The store of the config: KEY is not set. Set it, ");
    const short = await command(at, ["token", "crm"], { KEY: "hunter2" });
    expect(short.err).toMatch(/^error\[key_invalid\]: The store of the config: the encryption key in/);
    expect(short.err).not.toContain("hunter2");
    expect(tokenRequestCount()).toBe(0);
    const checked = await command(at, ["validate", "--secrets"], { KEY: "hunter2" });
    expect(checked.code).toBe(2);
    expect(checked.err + checked.out).toContain("is not 32 bytes in base64url");
  });
});

describe("store clear", () => {
  test("store clear deletes the entries of one server, or everything", async () => {
    const { at } = await issuing(counting());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["store", "clear", "crm"])).toEqual({
      code: 0,
      out: "",
      err: 'What was stored for "crm" is deleted.\n',
    });
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
    expect(await command(at, ["store", "clear"])).toMatchObject({ code: 0 });
    expect((await command(at, ["token", "crm"])).out).toBe("t3\n");
  });

  test("store clear deletes the limits on token requests of that server only", async () => {
    const { at } = await issuing(counting());
    await refusedCall(at);
    const limits = async () => (await entriesIn(at)).filter((name) => name.startsWith("refusals."));
    const [own = ""] = await limits();
    expect(isEntryName(own)).toBe(true);
    const { expiresIn = 0 } = (await storeIn(at).get(own)) ?? {};
    expect(Math.ceil(expiresIn / 60_000)).toBe(10);
    const other = `refusals${entryName("a").slice("token".length)}`;
    await storeIn(at).set(other, "x");
    await command(at, ["store", "clear", "crm"]);
    expect(await limits()).toEqual([other]);
  });

  test("store clear and revoke --json print how much they deleted", async () => {
    const { at } = await issuing(counting(), (_request, response) => void response.writeHead(200).end());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["revoke", "crm", "--json"])).toMatchObject({
      code: 0,
      out: '{"revoked":1,"unsupported":0}\n',
    });
    await command(at, ["token", "crm"]);
    const { out } = await command(at, ["store", "clear", "crm", "--json"]);
    expect(JSON.parse(out)).toEqual({ deleted: expect.any(Number) });
    expect(JSON.parse(out).deleted).toBeGreaterThan(0);
    expect((await command(at, ["store", "clear", "crm", "--json"])).out).toBe('{"deleted":0}\n');
  });

  test("store clear reports that nothing is stored", async () => {
    const { at } = await issuing(counting());
    const nothing = { code: 0, out: "", err: 'Nothing is stored for "crm".\n' };
    expect(await command(at, ["store", "clear", "crm"])).toEqual(nothing);
    await command(at, ["headers", "crm"]);
    expect((await command(at, ["store", "clear", "crm"])).err).toBe(
      'What was stored for "crm" is deleted.\n',
    );
    expect(await command(at, ["store", "clear", "crm"])).toEqual(nothing);
  });

  test("store clear for all servers needs one server that can be used", async () => {
    const { server, at } = await issuing(counting());
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const broken = { url: "https://$" + "{UNSET}/mcp", grant: { client } };
    const crm = { url: `${server.origin}/mcp`, grant: { client } };
    const both = { ...(await place({ servers: { broken, crm } })), env: at.env };
    await command(both, ["token", "crm"]);
    const { code, err } = await command(both, ["store", "clear"]);
    expect([code, err]).toEqual([0, expect.stringMatching(/^Store cleared: \d+ entries deleted\.\n$/)]);
    expect(await entriesIn(both)).toEqual([]);
    const alone = { ...(await place({ servers: { broken } })), env: at.env };
    expect(await command(alone, ["store", "clear"])).toMatchObject({
      code: 2,
      err: expect.stringContaining("UNSET is not set"),
    });
  });

  test("store clear for all servers deletes every value of the store and nothing else", async () => {
    const { at } = await issuing(counting());
    const state = join(at.folder, "state");
    await command(at, ["token", "crm"]);
    await command(at, ["headers", "crm"]);
    await refusedCall(at);
    const stored = await readdir(state);
    const kinds = new Set(stored.map((name) => name.split(".")[0]));
    expect([...kinds].toSorted()).toEqual(["given", "metadata", "refusals", "token"]);
    expect(stored.filter((name) => !isEntryName(name))).toEqual([]);
    const [first = ""] = stored;
    const strays = [
      "notes.txt",
      entryName("a"),
      join(first, "notes.txt"),
      join("exports", "customers.csv.tmp"),
    ];
    await mkdir(join(state, "exports"));
    for (const stray of strays) await writeFile(join(state, stray), "theirs");
    expect(await command(at, ["store", "clear"])).toEqual({
      ...{ code: 0, out: "" },
      err: `Store cleared: ${stored.length} entries deleted.\n`,
    });
    const remaining = await readdir(state, { recursive: true });
    expect(remaining.filter((name) => basename(name).startsWith("value-"))).toEqual([]);
    expect(remaining).toEqual(expect.arrayContaining(strays));
  });

  test("store clear needs an action, a known server, and a durable store", async () => {
    const { at } = await issuing(counting());
    expect((await command(at, ["store"])).code).toBe(2);
    expect((await command(at, ["store", "clear", "cmr"])).err).toContain('Did you mean "crm"?');
    await writeFile(
      join(at.folder, "memory.json"),
      JSON.stringify({
        servers: {
          crm: { url: "https://crm.example", grant: { client: { issuer: "https://a.example", id: "a" } } },
        },
      }),
    );
    const memory = await command(at, ["store", "clear", "--config", "memory.json"]);
    expect(memory).toMatchObject({ code: 2, err: expect.stringContaining("keeps tokens only in memory") });
  });
});

test("store clear keeps the other files in a folder that is also the store's", async () => {
  const { server, at } = await issuing(counting());
  const others = [join("exports", "x.csv.tmp"), join("exports", "done"), "notes.tmp"];
  await mkdir(join(at.folder, "exports", "done"), { recursive: true });
  for (const name of [others[0], others[2]]) await writeFile(join(at.folder, name ?? ""), "theirs");
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const auth = await createMcpAuth({
    config: {
      store: { type: "file", path: ".", encryptionKey: { env: "KEY" } },
      servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } },
    },
    ...{ cwd: at.folder, env: at.env },
    // Eight days later, so that every file is older than a week.
    clock: fakeClock(Date.now() + 8 * 24 * 3_600_000),
  });
  expect(await auth.resolve("crm").getAccessToken()).toBe("t1");
  await auth.stop();
  const remaining = await readdir(at.folder, { recursive: true });
  // The entries of the store are not compared, because they look a week old, and the sweep may have removed them.
  expect(remaining).toEqual(expect.arrayContaining([...others, "mcp-auth.config.json"]));
});

test("a command warns on stderr if the clock of the server differs", async () => {
  const server = await startScriptedServer((request, response) => {
    const { origin: issuer } = server;
    response.setHeader("date", new Date(Date.now() + 90_000).toUTCString());
    if (request.url === "/token") {
      return sendJson(response, { access_token: "t1", token_type: "Bearer", expires_in: 3_600 });
    }
    return request.url === "/.well-known/oauth-authorization-server"
      ? sendJson(response, { issuer, token_endpoint: `${issuer}/token` })
      : sendJson(response, {}, 404);
  });
  const { origin: issuer } = server;
  const client = { issuer, id: "agent", secret: { env: "SECRET" }, method: "client_secret_jwt" };
  const at = await place({ servers: { crm: { url: `${issuer}/mcp`, grant: { client } } } });
  const { code, out, err } = await command(at, ["token", "crm"], { SECRET: "s".repeat(32) });
  expect({ code, out }).toEqual({ code: 0, out: "t1\n" });
  expect(err).toMatch(/^warning: Server "crm": the clock of the token endpoint of \S+ is \d+ s ahead of/);
});

describe("revoke", () => {
  test("revoke never sends an assertion for the token endpoint to the revocation endpoint", async () => {
    const { server, at } = await issuing(counting(), granted);
    const file = join(at.folder, "mcp-auth.config.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    const client = { method: "client_secret_jwt", assertionAudience: "token_endpoint" };
    Object.assign(config.servers.crm.grant.client, client);
    await writeFile(file, JSON.stringify(config));
    // HS256 requires this length.
    const long = { SECRET: "s".repeat(32) };
    expect(await command(at, ["token", "crm"], long)).toMatchObject({ code: 0 });
    expect(await command(at, ["revoke", "crm"], long)).toMatchObject({ code: 0 });
    const audiences = server.requests
      .filter(({ method }) => method === "POST")
      .map(({ url, body }) => {
        const [, claims = ""] = (new URLSearchParams(body).get("client_assertion") ?? "").split(".");
        return [url, JSON.parse(Buffer.from(claims, "base64url").toString()).aud];
      });
    expect(audiences).toEqual([
      ["/token", `${server.origin}/token`],
      ["/revoke", server.origin],
    ]);
  });

  test("revoke revokes the token with the client's credential, and deletes it", async () => {
    const { server, at } = await issuing(
      counting(),
      (_request, response) => void response.writeHead(200).end(),
    );
    await command(at, ["token", "crm"]);
    expect(await command(at, ["revoke", "crm"])).toEqual({
      code: 0,
      out: "",
      err: "1 token revoked and deleted.\n",
    });
    const [request] = server.requests.filter(({ url }) => url === "/revoke");
    expect(request?.body).toBe("token=t1&token_type_hint=access_token");
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
    expect((await command(at, ["store", "clear"])).code).toBe(0);
    expect(await command(at, ["revoke", "crm"])).toMatchObject({
      code: 0,
      err: 'Nothing is stored for "crm".\n',
    });
  });

  test("revoke sends the headers of the client to the metadata and revocation endpoints", async () => {
    const { server, at } = await issuing(counting(), granted);
    const file = join(at.folder, "mcp-auth.config.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    const headers = { "x-tenant": "a", "x-key": { env: "GATEWAY_KEY" } };
    Object.assign(config.servers.crm.grant.client, { headers });
    await writeFile(file, JSON.stringify(config));
    const gateway = { GATEWAY_KEY: "key-of-the-gateway" };
    expect(await command(at, ["token", "crm"], gateway)).toMatchObject({ code: 0 });
    expect(await command(at, ["store", "clear", "crm"], gateway)).toMatchObject({ code: 0 });
    expect(await command(at, ["token", "crm"], gateway)).toMatchObject({ code: 0 });
    expect(await command(at, ["revoke", "crm"], gateway)).toMatchObject({ code: 0 });
    const toIssuer = server.requests.filter(({ url }) => !url.includes("oauth-protected-resource"));
    const metadata = "/.well-known/oauth-authorization-server";
    expect(toIssuer.map(({ url }) => url)).toEqual([metadata, "/token", metadata, "/token", "/revoke"]);
    for (const sent of toIssuer) {
      expect(sent.headers).toMatchObject({ "x-tenant": "a", "x-key": "key-of-the-gateway" });
    }
  });

  test.each([
    ["has no revocation endpoint", undefined],
    [
      "does not revoke tokens of this kind",
      ((_request, response) => sendJson(response, { error: "unsupported_token_type" }, 400)) as Handler,
    ],
  ])("revoke reports a server that %s, deletes the token and exits with 3", async (_name, revocation) => {
    const { at } = await issuing(counting(), revocation);
    await command(at, ["token", "crm"]);
    const outcome = await command(at, ["revoke", "crm"]);
    expect(outcome).toMatchObject({
      code: 3,
      err: expect.stringContaining("cannot revoke 1 token: deleted here"),
    });
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
  });

  test("revoke sends no ID token, says that it stays valid, deletes it and exits with 3", async () => {
    const { server, at } = await issuing(counting(), granted);
    const file = join(at.folder, "mcp-auth.config.json");
    const config = JSON.parse(await readFile(file, "utf8"));
    Object.assign(config.servers.crm.grant, { use: "id_token" });
    await writeFile(file, JSON.stringify(config));
    expect(await command(at, ["token", "crm"])).toMatchObject({ code: 0 });
    expect(await command(at, ["revoke", "crm"])).toMatchObject({
      code: 3,
      err: expect.stringContaining("cannot revoke 1 token: deleted here"),
    });
    expect(server.requests.filter(({ url }) => url === "/revoke")).toEqual([]);
    expect((await entriesIn(at)).filter((name) => name.startsWith("token."))).toEqual([]);
  });

  test("revoke deletes nothing if the server is unavailable", async () => {
    const { at } = await issuing(counting(), (_request, response) => void response.writeHead(503).end());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["revoke", "crm"])).toMatchObject({
      code: 4,
      err: expect.stringContaining("503"),
    });
    expect((await command(at, ["token", "crm"])).out).toBe("t1\n");
  });

  test("revoke exits with 4 for an entry that cannot be decrypted, keeps it, and says what to do", async () => {
    const { server, at } = await issuing(counting(), granted);
    await command(at, ["token", "crm"]);
    const before = await entriesIn(at);
    const other = await command(at, ["revoke", "crm"], { KEY: anotherKey() });
    expect(other).toMatchObject({ code: 4, out: "" });
    expect(other.err).toMatch(
      /^error\[store_unavailable\]: Server "crm": could not read one of its entries in the store\. .*"encryptionKey".* store clear crm\n$/,
    );
    expect(server.requests.filter(({ url }) => url === "/revoke")).toEqual([]);
    expect(await entriesIn(at)).toEqual(before);
    expect((await command(at, ["revoke", "crm"])).err).toBe("1 token revoked and deleted.\n");
  });

  test("revoke keeps an entry that a later version has written", async () => {
    const { server, at } = await issuing(counting(), granted);
    await command(at, ["token", "crm"]);
    const own = new Secret(at.env["KEY"] ?? "");
    const store = new SharedStore({ store: storeIn(at), keys: async () => [own], lease: 10_000 });
    const [token = ""] = await store.keys("token.");
    await store.write(token, JSON.stringify({ v: 2, accessToken: "t1" }));
    expect((await command(at, ["revoke", "crm"])).err).toContain("of a later version of this package");
    expect(server.requests.filter(({ url }) => url === "/revoke")).toEqual([]);
    expect(await store.keys("token.")).toEqual([token]);
  });

  test("revoke revokes the refresh token first at a real server, after which it is invalid", async () => {
    const { issuer, mcp } = await startWorld({ refreshTokens: {}, scopes: ["use"], tokens: "opaque" });
    const seed = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
    const client = { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } };
    const grant = { type: "refresh_token", client, refreshToken: { env: "SEED" } };
    const at = await place({ servers: { crm: { url: mcp.url, grant } } });
    const withSeed = { SEED: seed };
    expect((await command(at, ["token", "crm"], withSeed)).code).toBe(0);
    const outcome = await command(at, ["revoke", "crm"], withSeed);
    expect(outcome).toMatchObject({ code: 0, err: "2 tokens revoked and deleted.\n" });
    expect((await command(at, ["token", "crm"], withSeed)).err).toContain("invalid_grant");
  });
});

describe("the refresh tokens of a client", () => {
  /** Starts a server that replaces each refresh token, and uses it with two seeds. */
  async function twoSeeds() {
    let count = 0;
    const server = await startScriptedServer((request, response) => {
      const issuer = server.origin;
      if (request.url === "/.well-known/oauth-authorization-server") {
        const endpoints = { token_endpoint: `${issuer}/token`, revocation_endpoint: `${issuer}/revoke` };
        return sendJson(response, { issuer, ...endpoints });
      }
      if (request.url === "/revoke") return granted(request, response);
      if (request.url !== "/token") return sendJson(response, {}, 404);
      count += 1;
      const token = { access_token: `a${count}`, refresh_token: `r${count}` };
      return sendJson(response, { ...token, token_type: "Bearer", expires_in: 3_600 });
    });
    const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
    const grant = { type: "refresh_token", client, refreshToken: { env: "SEED" } };
    const at = await place({ servers: { mail: { url: `${server.origin}/mcp`, grant } } });
    for (const SEED of ["first", "second"]) await command(at, ["token", "mail"], { SEED });
    const all = await readdir(join(at.folder, "state"));
    expect(all.filter((name) => !isEntryName(name))).toEqual([]);
    const kept = async () => (await entriesIn(at)).filter((name) => /^(refresh|token)\./.test(name));
    expect(await kept()).toHaveLength(4);
    return { server, at, kept };
  }

  test("store clear deletes all refresh tokens of a client, even those of an earlier seed, and without the seed", async () => {
    const { at, kept } = await twoSeeds();
    expect(await command(at, ["store", "clear", "mail"])).toMatchObject({ code: 0 });
    expect(await kept()).toEqual([]);
  });

  test("revoke revokes all refresh tokens of a client, even those of an earlier seed, and without the seed", async () => {
    const { server, at, kept } = await twoSeeds();
    expect(await command(at, ["revoke", "mail"])).toEqual({
      code: 0,
      out: "",
      err: "4 tokens revoked and deleted.\n",
    });
    const revoked = server.requests.filter(({ url }) => url === "/revoke").map(({ body }) => body);
    expect(revoked.toSorted()).toEqual([
      "token=a1&token_type_hint=access_token",
      "token=a2&token_type_hint=access_token",
      "token=r1&token_type_hint=refresh_token",
      "token=r2&token_type_hint=refresh_token",
    ]);
    expect(revoked.slice(0, 2).every((body) => body.includes("refresh_token"))).toBe(true);
    expect(await kept()).toEqual([]);
  });
});

describe("a command that cannot use the store", () => {
  test("a command that cannot use the store warns on stderr and works without it", async () => {
    const { at } = await issuing(counting());
    // A folder cannot be created inside a file.
    await writeFile(join(at.folder, "state"), "");
    const warning =
      `warning: The store of the config, ${join(at.folder, "state")}, cannot be used: ${join(at.folder, "state")} is not a ` +
      "folder (ENOTDIR). Move it away, or configure another place. Access tokens are requested without it.\n";
    expect(await command(at, ["token", "crm"])).toEqual({ code: 0, out: "t1\n", err: warning });
    expect(await command(at, ["headers", "crm"])).toEqual({
      code: 0,
      out: '{"authorization":"Bearer t2"}\n',
      err: warning,
    });
  });

  test("a command warns on stderr of stored entries that it cannot read", async () => {
    const { at } = await issuing(counting());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["token", "crm"], { KEY: anotherKey() })).toEqual({
      code: 0,
      out: "t2\n",
      err: 'warning: What is stored for "crm" cannot be read and is not used. A new token is requested.\n',
    });
  });
});

describe("headers", () => {
  test("headers prints one JSON object with a new token each time, never one from the store", async () => {
    const { server, at } = await issuing(counting());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["headers", "crm"])).toEqual({
      code: 0,
      out: '{"authorization":"Bearer t2"}\n',
      err: "",
    });
    expect((await command(at, ["headers"], { CLAUDE_CODE_MCP_SERVER_NAME: "crm" })).out).toContain(
      "Bearer t3",
    );
    const url = `${server.origin}/mcp`;
    expect((await command(at, ["headers"], { CLAUDE_CODE_MCP_SERVER_URL: url })).out).toContain("Bearer t4");
    expect((await command(at, ["headers", "crm"], { GITHUB_ACTIONS: "true" })).err).toBe("::add-mask::t5\n");
    expect((await command(at, ["headers"])).code).toBe(2);
  });

  test("headers finds the server by URL if the config has no server of the name, and ignores empty variables", async () => {
    const { server, at } = await issuing(counting());
    const url = { CLAUDE_CODE_MCP_SERVER_URL: `${server.origin}/mcp` };
    const other = { CLAUDE_CODE_MCP_SERVER_URL: "https://other.example" };
    const name = { CLAUDE_CODE_MCP_SERVER_NAME: "CRM (work)" };
    expect((await command(at, ["headers"], { ...name, ...url })).out).toContain("Bearer t1");
    const empty = { CLAUDE_CODE_MCP_SERVER_NAME: "", CLAUDE_CODE_MCP_SERVER_URL: "" };
    expect((await command(at, ["headers"], { ...url, CLAUDE_CODE_MCP_SERVER_NAME: "" })).code).toBe(0);
    const refused = async (env: Readonly<Record<string, string>>) => {
      const { code, err } = await command(at, ["headers"], env);
      expect(code).toBe(2);
      return err.replace(/: npx.*\n$/, "");
    };
    expect(await refused(empty)).toBe("error: Name a server of the config");
    expect(await refused(name)).toBe(
      "error: No server of the config has the name in CLAUDE_CODE_MCP_SERVER_NAME. Name one",
    );
    expect(await refused(other)).toBe(
      "error: No server of the config is at the URL in CLAUDE_CODE_MCP_SERVER_URL. Name one",
    );
    expect(await refused({ ...name, ...other })).toBe(
      "error: No server of the config has the name in CLAUDE_CODE_MCP_SERVER_NAME or is at the URL in " +
        "CLAUDE_CODE_MCP_SERVER_URL. Name one",
    );
  });

  test("headers prints a static token each time, because there is no other", async () => {
    const at = await place({
      servers: {
        crm: { url: "https://crm.example/mcp", grant: { type: "static", token: { env: "SECRET" } } },
      },
    });
    const printed = { code: 0, out: `{"authorization":"Bearer ${agentSecret}"}\n`, err: "" };
    expect(await command(at, ["headers", "crm"])).toEqual(printed);
    expect(await command(at, ["headers", "crm"])).toEqual(printed);
  });

  test("headers remembers a printed token until it expires", async () => {
    const { at } = await issuing(() => "same", undefined, 600);
    expect((await command(at, ["headers", "crm"])).code).toBe(0);
    expect((await command(at, ["headers", "crm"])).code).toBe(3);
    const store = storeIn(at);
    const [given = ""] = await store.keys("given.");
    const expiresIn = (await store.get(given))?.expiresIn;
    expect(expiresIn).toBeGreaterThan(600_000);
    expect(expiresIn).toBeLessThanOrEqual(660_000);
  });

  test("headers requests a token once more if the server issues the same one again, then exits with 3", async () => {
    const tokens = ["a", "a", "b", "b", "b"];
    const { at, tokenRequestCount } = await issuing(() => tokens.shift() ?? "none");
    expect((await command(at, ["headers", "crm"])).out).toContain("Bearer a");
    expect((await command(at, ["headers", "crm"])).out).toContain("Bearer b");
    expect(tokenRequestCount()).toBe(3);
    const outcome = await command(at, ["headers", "crm"]);
    expect(outcome).toMatchObject({
      code: 3,
      out: "",
      err: expect.stringMatching(
        /issued the same token as for the last call.* npx mcp-auth-runtime store clear crm\n$/,
      ),
    });
    expect(tokenRequestCount()).toBe(5);
    tokens.push("b");
    await command(at, ["store", "clear", "crm"]);
    expect((await command(at, ["headers", "crm"])).out).toContain("Bearer b");
  });
});

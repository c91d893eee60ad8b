import { randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { run } from "../../src/cli/main.js";
import type { Handler } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { agentSecret, ownServer, startWorld } from "./harness.js";

interface Place {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

async function place(config: object): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-commands-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
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
    colour: false,
    signal: new AbortController().signal,
  });
  return { code, out, err };
}

/** An authorization server of our own, whose tokens and answer to a revocation a test decides. */
async function issuing(token: () => string, revocation?: Handler) {
  const server = await ownServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/.well-known/oauth-authorization-server") {
      const endpoint = revocation === undefined ? {} : { revocation_endpoint: `${issuer}/revoke` };
      return sendJson(response, { issuer, token_endpoint: `${issuer}/token`, ...endpoint });
    }
    if (request.url === "/token") {
      return sendJson(response, { access_token: token(), token_type: "Bearer", expires_in: 3_600 });
    }
    if (request.url === "/revoke" && revocation !== undefined) return revocation(request, response);
    return sendJson(response, {}, 404);
  });
  const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
  const at = await place({ servers: { crm: { url: `${server.origin}/mcp`, grant: { client } } } });
  return { server, at, asked: () => server.requests.filter(({ url }) => url === "/token").length };
}

function counting(): () => string {
  let count = 0;
  return () => {
    count += 1;
    return `t${count}`;
  };
}

describe("a command that runs every minute", () => {
  test("asks once, and not for metadata either", async () => {
    const { server, at } = await issuing(counting());
    expect(await command(at, ["token", "crm"])).toEqual({ code: 0, out: "t1\n", err: "" });
    const before = server.requests.length;
    expect((await command(at, ["token", "crm"])).out).toBe("t1\n");
    expect(server.requests.length).toBe(before);
    expect((await command(at, ["token", "crm", "--force-refresh"])).out).toBe("t2\n");
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
  });

  test("says what is wrong with the store's key", async () => {
    const { at, asked } = await issuing(counting());
    const missing = await command({ ...at, env: { SECRET: "s" } }, ["token", "crm"]);
    expect(missing.code).toBe(2);
    expect(missing.err).toContain(
      "The store of the config: no secret can be had from the environment variable",
    );
    const short = await command(at, ["token", "crm"], { KEY: "hunter2" });
    expect(short.err).toMatch(/^error\[key_invalid\]: The store of the config: the encryption key in/);
    expect(short.err).not.toContain("hunter2");
    expect(asked()).toBe(0);
    const checked = await command(at, ["validate", "--secrets"], { KEY: "hunter2" });
    expect(checked.code).toBe(2);
    expect(checked.err + checked.out).toContain("is not 32 bytes in base64url");
  });
});

describe("store clear", () => {
  test("forgets one server, or everything", async () => {
    const { at } = await issuing(counting());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["store", "clear", "crm"])).toMatchObject({ code: 0, out: "" });
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
    expect(await command(at, ["store", "clear"])).toMatchObject({ code: 0 });
    expect((await command(at, ["token", "crm"])).out).toBe("t3\n");
  });

  test("wants to be told what to do, a server that there is, and a store", async () => {
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
    expect(memory).toMatchObject({ code: 2, err: expect.stringContaining("keeps tokens in memory") });
  });
});

describe("revoke", () => {
  test("gives the token back with the client's credential, and forgets it", async () => {
    const { server, at } = await issuing(
      counting(),
      (_request, response) => void response.writeHead(200).end(),
    );
    await command(at, ["token", "crm"]);
    expect(await command(at, ["revoke", "crm"])).toEqual({
      code: 0,
      out: "",
      err: "1 token revoked and forgotten\n",
    });
    const [request] = server.requests.filter(({ url }) => url === "/revoke");
    expect(request?.body).toBe("token=t1&token_type_hint=access_token");
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
    expect((await command(at, ["store", "clear"])).code).toBe(0);
    expect(await command(at, ["revoke", "crm"])).toMatchObject({
      code: 0,
      err: 'nothing is stored for "crm"\n',
    });
  });

  test.each([
    ["has no endpoint for it", undefined],
    [
      "does not revoke tokens of this kind",
      ((_request, response) => sendJson(response, { error: "unsupported_token_type" }, 400)) as Handler,
    ],
  ])("a server that %s: said so, forgotten, exit 3", async (_name, revocation) => {
    const { at } = await issuing(counting(), revocation);
    await command(at, ["token", "crm"]);
    const outcome = await command(at, ["revoke", "crm"]);
    expect(outcome).toMatchObject({
      code: 3,
      err: expect.stringContaining("cannot revoke 1 token: forgotten here"),
    });
    expect((await command(at, ["token", "crm"])).out).toBe("t2\n");
  });

  test("a server in trouble: nothing is forgotten", async () => {
    const { at } = await issuing(counting(), (_request, response) => void response.writeHead(503).end());
    await command(at, ["token", "crm"]);
    expect(await command(at, ["revoke", "crm"])).toMatchObject({
      code: 4,
      err: expect.stringContaining("503"),
    });
    expect((await command(at, ["token", "crm"])).out).toBe("t1\n");
  });

  test("at a real server, the refresh token first: afterwards it is worth nothing", async () => {
    const { issuer, mcp } = await startWorld({ refreshTokens: {}, scopes: ["use"], tokens: "opaque" });
    const seed = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
    const client = { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } };
    const grant = { type: "refresh_token", client, refreshToken: { env: "SEED" } };
    const at = await place({ servers: { crm: { url: mcp.url, grant } } });
    const withSeed = { SEED: seed };
    expect((await command(at, ["token", "crm"], withSeed)).code).toBe(0);
    const outcome = await command(at, ["revoke", "crm"], withSeed);
    expect(outcome).toMatchObject({ code: 0, err: "2 tokens revoked and forgotten\n" });
    expect((await command(at, ["token", "crm"], withSeed)).err).toContain("invalid_grant");
  });
});

describe("headers", () => {
  test("prints one JSON object, with a new token each time and never one of the store", async () => {
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
    const elsewhere = { CLAUDE_CODE_MCP_SERVER_URL: "https://other.example" };
    expect(await command(at, ["headers"], elsewhere)).toMatchObject({
      code: 2,
      err: expect.stringContaining("No server"),
    });
  });

  test("a server that gives the same token again is asked once more, and then it is exit 3", async () => {
    const tokens = ["a", "a", "b", "b", "b"];
    const { at, asked } = await issuing(() => tokens.shift() ?? "none");
    expect((await command(at, ["headers", "crm"])).out).toContain("Bearer a");
    expect((await command(at, ["headers", "crm"])).out).toContain("Bearer b");
    expect(asked()).toBe(3);
    const outcome = await command(at, ["headers", "crm"]);
    expect(outcome).toMatchObject({
      code: 3,
      out: "",
      err: expect.stringContaining("gives the same token again"),
    });
    expect(asked()).toBe(5);
  });
});

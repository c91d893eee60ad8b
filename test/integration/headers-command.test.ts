// The URLs that `headers` prints a token for, and the secrets that commands mask in a CI job.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/main.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { sendToken, startScriptedIssuer } from "./harness.js";

interface CommandResult {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The written texts, in order. */
  readonly order: readonly string[];
}

async function command(
  argv: readonly string[],
  config: object,
  env: Readonly<Record<string, string>>,
): Promise<CommandResult> {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, "mcp-auth.config.json"), JSON.stringify(config), { mode: 0o600 });
  const order: string[] = [];
  const write = (stream: string) => (text: string) => void order.push(`${stream} ${text}`);
  const { signal } = new AbortController();
  const code = await run(argv, { cwd, env, color: false, signal, out: write("out"), err: write("err") });
  const all = (stream: string) =>
    order.flatMap((text) => (text.startsWith(stream) ? [text.slice(stream.length + 1)] : [])).join("");
  return { code, out: all("out"), err: all("err"), order };
}

describe("the URL that a host sends the headers to", () => {
  async function servers() {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t"));
    const { grant } = issuer.config.servers.tools;
    const { origin } = issuer.server;
    const at = (path: string, more: object = {}) => ({ url: `${origin}${path}`, grant, ...more });
    const config = {
      servers: {
        crm: at("/crm"),
        narrow: at("/narrow/", { reach: "path" }),
        alice: at("/mcp?tenant=alice"),
        bob: at("/mcp?tenant=bob&tenant=eu"),
      },
    };
    const headers = async (url: string, argv: readonly string[] = [], name?: string) => {
      const host = {
        CLAUDE_CODE_MCP_SERVER_URL: url,
        ...(name !== undefined && { CLAUDE_CODE_MCP_SERVER_NAME: name }),
      };
      return await command(["headers", ...argv], config, { ...issuer.env, ...host });
    };
    return { issuer, origin, headers };
  }

  const denied = (origin: string): readonly (readonly [name: string, url: string])[] => [
    ["crm", "https://other.example/crm"],
    ["crm", `${origin}.other.example/crm`],
    ["crm", origin.replace("http:", "https:")],
    ["crm", origin.replace("//", "//user@")],
    ["crm", "/crm"],
    ["crm", "not a URL"],
    ["crm", " "],
    ["crm", "file:///crm"],
    ["narrow", `${origin}/`],
    ["narrow", `${origin}/narrower`],
    ["narrow", `${origin}/narrow/..%2fcrm`],
    ["alice", `${origin}/mcp?tenant=bob`],
    ["alice", `${origin}/mcp`],
    ["bob", `${origin}/mcp?tenant=bob`],
    ["bob", `${origin}/mcp?tenant=eu&tenant=bob`],
  ];

  test("headers prints no token for a URL out of the server's reach, however the server was chosen", async () => {
    const { issuer, origin, headers } = await servers();
    for (const [name, url] of denied(origin)) {
      for (const result of [await headers(url, [name]), await headers(url, [], name)]) {
        expect(result, url).toMatchObject({ code: 2, out: "" });
        expect(result.err).toMatch(
          /^error\[egress_denied\]: The URL in CLAUDE_CODE_MCP_SERVER_URL [^\n]*nothing was sent[^\n]*\n$/,
        );
        expect(result.err).toContain(`"${name}"`);
        expect(result.err).not.toMatch(/other\.example|tenant/);
      }
    }
    expect(issuer.server.requests).toEqual([]);
  });

  test("headers prints no token for a URL whose path is out of a server's reach of `path`", async () => {
    const { issuer, origin, headers } = await servers();
    for (const [url, message] of [
      [`${origin}/narrow/..%2fcrm`, "No server of the config is at the URL"],
      [`${origin}/narrow/x`.replace("//", "//user@"), "error[egress_denied]"],
    ] as const) {
      expect(await headers(url)).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    }
    expect(issuer.server.requests).toEqual([]);
  });

  test("headers prints no token for a URL of no server if no server is named", async () => {
    const { issuer, headers } = await servers();
    for (const url of ["https://other.example/crm", "not a URL"]) {
      expect(await headers(url, [], "another")).toMatchObject({
        code: 2,
        out: "",
        err: expect.stringContaining("No server of the config"),
      });
    }
    expect(issuer.server.requests).toEqual([]);
  });

  test("headers prints the token for a URL within the server's reach", async () => {
    const { origin, headers } = await servers();
    const allowed: readonly (readonly [name: string, path: string])[] = [
      ["crm", "/crm"],
      ["crm", "/elsewhere?x=1"],
      ["narrow", "/narrow/sub?x=1"],
      ["alice", "/mcp?x=1&tenant=alice"],
      ["bob", "/mcp?tenant=bob&x=1&tenant=eu"],
    ];
    for (const [name, path] of allowed) {
      const printed = { code: 0, out: '{"authorization":"Bearer t"}\n', err: "" };
      expect(await headers(origin + path, [name]), path).toMatchObject(printed);
      expect(await headers(origin + path, [], name), path).toMatchObject(printed);
    }
  });

  test("headers prints the token of the server that has the same query as the URL", async () => {
    const tenants = /resource=[^&]*tenant%3D(\w+)/;
    const issuer = await startScriptedIssuer((request, response) =>
      sendToken(response, `token-of-${tenants.exec(request.body)?.[1]}`),
    );
    const { grant } = issuer.config.servers.tools;
    const at = (tenant: string) => ({ url: `${issuer.url}?tenant=${tenant}`, grant });
    const config = { servers: { alice: at("alice"), bob: at("bob") } };
    for (const tenant of ["bob", "alice"]) {
      const env = { ...issuer.env, CLAUDE_CODE_MCP_SERVER_URL: `${issuer.url}?tenant=${tenant}` };
      const result = await command(["headers"], config, env);
      expect(JSON.parse(result.out)).toEqual({ authorization: `Bearer token-of-${tenant}` });
    }
  });
});

describe("under GitHub Actions", () => {
  const actions = { GITHUB_ACTIONS: "true" };
  async function world() {
    const issuer = await startScriptedIssuer((_request, response) => sendToken(response, "t0ken"));
    const { tools } = issuer.config.servers;
    const headers = {
      "x-plain": "literal",
      "x-key": { env: "API_KEY" },
      "X-Account": { exec: [process.execPath, "-e", "console.log('acc\"ount')"] },
    };
    const config = { servers: { tools: { ...tools, headers } } };
    const env = { ...issuer.env, API_KEY: "k-1%" };
    return { config, env };
  }
  const printed =
    'out {"x-plain":"literal","x-key":"k-1%","X-Account":"acc\\"ount","authorization":"Bearer t0ken"}\n';

  test("headers first masks the token and each value from a secret, and no literal one", async () => {
    const { config, env } = await world();
    const { code, order } = await command(["headers", "tools"], config, { ...env, ...actions });
    expect(code).toBe(0);
    expect(order).toEqual([
      "err ::add-mask::t0ken\n",
      "err ::add-mask::k-1%25\n",
      'err ::add-mask::acc"ount\n',
      'err ::add-mask::acc\\"ount\n',
      printed,
    ]);
  });

  test("headers masks the token that it prints, even if each token expires on arrival", async () => {
    let count = 0;
    const { config, env } = await startScriptedIssuer((_request, response) => {
      count += 1;
      sendToken(response, `t0ken-${count}`, 0);
    });
    const { out, err } = await command(["headers", "tools"], config, { ...env, ...actions });
    const { authorization } = JSON.parse(out);
    expect(authorization).toMatch(/^Bearer t0ken-\d$/);
    expect(err).toContain(`::add-mask::${authorization.slice("Bearer ".length)}\n`);
  });

  test("token --json prints nothing secret but the token, which it masks first", async () => {
    const { config, env } = await world();
    const { order } = await command(["token", "tools", "--json"], config, { ...env, ...actions });
    expect(order).toEqual([
      "err ::add-mask::t0ken\n",
      expect.stringMatching(/^out \{[\s\S]*"t0ken"[\s\S]*\}\n$/),
    ]);
    expect(order.join("")).not.toMatch(/k-1|ount/);
  });

  test("validate --secrets prints no secret and masks nothing", async () => {
    const { config, env } = await world();
    const { order } = await command(["validate", "--secrets", "--json"], config, { ...env, ...actions });
    expect(order).toHaveLength(1);
    expect(order.join("")).not.toMatch(/k-1|ount|s3cr3t/);
  });

  test("outside of GitHub Actions nothing is masked, because the command itself would show the secret", async () => {
    const { config, env } = await world();
    for (const more of [{}, { GITHUB_ACTIONS: "false" }]) {
      expect((await command(["headers", "tools"], config, { ...env, ...more })).order).toEqual([printed]);
    }
  });
});

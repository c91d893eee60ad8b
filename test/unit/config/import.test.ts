// A config takes the URLs of servers from the file of a host. The files are as the hosts document them.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatViolation } from "../../../src/config/format-violation.js";
import { checkConfig, loadConfig } from "../../../src/config/load.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { client, folder } from "./folder.js";

const server = { grant: { client } };
const config = (names: readonly string[], file = "./.mcp.json") => ({
  import: file,
  servers: Object.fromEntries(names.map((name) => [name, server])),
});

/** Creates a project whose config imports a file with this content. */
async function project(content: unknown, names: readonly string[], file = ".mcp.json") {
  const text = typeof content === "string" ? content : JSON.stringify(content, null, 2);
  return await folder({
    "mcp-auth.config.json": JSON.stringify(config(names, `./${file}`), null, 2),
    [file]: text,
  });
}

async function urlsIn(content: unknown, names: readonly string[], env: Record<string, string> = {}) {
  const { servers } = await loadConfig({ cwd: await project(content, names), env });
  return Object.fromEntries([...servers.values()].map((entry) => [entry.name, servers.url(entry.name)]));
}

/** Returns the violations, with paths relative to the project. */
async function violationsIn(content: unknown, names: readonly string[] = ["crm"], env = {}) {
  const cwd = await project(content, names);
  const { violations, spec } = await checkConfig({ cwd, env });
  expect(spec).toBeUndefined();
  return violations.map((violation) => formatViolation(violation).replaceAll(`${cwd}/`, ""));
}

const url = "https://mcp.example/mcp";

describe("the files of hosts", () => {
  test("the URLs of Claude Code's .mcp.json are imported, whatever the transport", async () => {
    const content = {
      mcpServers: {
        http: { type: "http", url, headers: { Authorization: "Bearer ${API_KEY}" } },
        sse: { type: "sse", url: "https://mcp.example/sse" },
        streamable: { type: "streamable-http", url: "https://mcp.example/${TENANT:-acme}/mcp" },
        base: { type: "http", url: "${API_BASE_URL:-https://api.example.com}/mcp" },
        files: { command: "npx", args: ["-y", "server"], env: {} },
      },
    };
    expect(await urlsIn(content, ["http", "sse", "streamable", "base"], { API_BASE_URL: "" })).toEqual({
      http: url,
      sse: "https://mcp.example/sse",
      streamable: "https://mcp.example/acme/mcp",
      base: "https://api.example.com/mcp",
    });
  });

  test("the URLs of VS Code's mcp.json are imported, with comments and trailing commas", async () => {
    const content = `{
      // Asked once.
      "inputs": [{ "type": "promptString", "id": "key", "description": "Key", "password": true }],
      "servers": {
        "github": { "type": "http", "url": "https://api.example/mcp", "headers": { "Authorization": "Bearer \${input:key}" } },
        "plain": { "url": "https://\${env:MCP_HOST}/mcp", /* no type */ },
        "files": { "type": "stdio", "command": "npx", "cwd": "\${workspaceFolder}" },
      },
    }`;
    expect(await urlsIn(content, ["github", "plain"], { MCP_HOST: "mcp.example" })).toEqual({
      github: "https://api.example/mcp",
      plain: url,
    });
  });

  test("the URLs of Cursor's mcp.json are imported", async () => {
    const content = {
      mcpServers: {
        crm: { url: "https://${env:MCP_HOST}/mcp", headers: { "X-Key": "${env:KEY}" } },
        cline: { type: "streamableHttp", url, disabled: false, autoApprove: [] },
      },
    };
    expect(await urlsIn(content, ["crm", "cline"], { MCP_HOST: "mcp.example" })).toEqual({
      crm: url,
      cline: url,
    });
  });

  test("the `serverUrl` of Windsurf's mcp_config.json is imported", async () => {
    const content = { mcpServers: { crm: { serverUrl: url, headers: { a: "${env:KEY}" } }, b: { url } } };
    expect(await urlsIn(content, ["crm", "b"])).toEqual({ crm: url, b: url });
  });

  test("the `httpUrl` of Gemini CLI's settings.json is imported, and wins over `url`, which is for SSE", async () => {
    const content = {
      theme: "Default",
      mcpServers: {
        crm: { httpUrl: url, url: "https://mcp.example/sse", headers: { Authorization: "Bearer $TOKEN" } },
        events: { url: "https://mcp.example/sse", timeout: 5000 },
        variable: { httpUrl: "https://$MCP_HOST/${MCP_PATH}" },
        typed: { type: "http", url },
      },
    };
    const env = { MCP_HOST: "mcp.example", MCP_PATH: "mcp" };
    expect(await urlsIn(content, ["crm", "events", "variable", "typed"], env)).toEqual({
      crm: url,
      events: "https://mcp.example/sse",
      variable: url,
      typed: url,
    });
  });

  test("a file may have a byte order mark, and servers named like members of every object", async () => {
    const names = ["constructor", "toString", "hasOwnProperty", "valueOf"];
    const content = { mcpServers: Object.fromEntries(names.map((name) => [name, { url }])) };
    expect(await urlsIn(`\uFEFF${JSON.stringify(content)}`, names)).toEqual(
      Object.fromEntries(names.map((name) => [name, url])),
    );
  });

  test("a server that only Object.prototype has is not in the file", async () => {
    for (const content of [{ mcpServers: {} }, '{ /* none */ "mcpServers": {}, }']) {
      const [violation] = await violationsIn(content, ["constructor"]);
      expect(violation).toContain("has no server of this name. It has none.");
    }
  });

  test("`__proto__` in the file is an ordinary name", async () => {
    const text = `{ "__proto__": { "mcpServers": { "crm": { "url": "${url}" } } } }`;
    for (const content of [text, `/* */ ${text}`]) {
      expect((await violationsIn(content))[0]).toContain("The file has no object `mcpServers` or `servers`");
    }
    const inEntry = `{ "mcpServers": { "crm": { "__proto__": { "url": "${url}" } } } }`;
    for (const content of [inEntry, `/* */ ${inEntry}`]) {
      expect((await violationsIn(content))[0]).toContain("This server has no URL");
    }
  });

  test("`mcpServers` wins over `servers` where a file has both", async () => {
    const content = {
      servers: { a: { url: "https://a.example/" }, b: { url: "https://b.example/" } },
      mcpServers: { a: { url } },
    };
    expect(await urlsIn(content, ["a", "b"])).toEqual({ a: url, b: "https://b.example/" });
  });
});

describe("the imported URL", () => {
  test("a server's own `url` wins over the imported one, and its entry is not looked at", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": JSON.stringify({
        import: ".mcp.json",
        servers: { crm: { ...server, url }, files: { ...server, url } },
      }),
      ".mcp.json": JSON.stringify({
        mcpServers: { crm: { url: "https://other.example/" }, files: { command: "x" } },
      }),
    });
    const { servers } = await loadConfig({ cwd, env: {} });
    expect([servers.url("crm"), servers.url("files")]).toEqual([url, url]);
  });

  test("nothing but the URL is imported", async () => {
    const cwd = await project(
      { mcpServers: { crm: { url, headers: { Authorization: "Bearer canary" }, timeout: 1, oauth: {} } } },
      ["crm"],
    );
    const { servers } = await loadConfig({ cwd, env: {} });
    const entry = servers.get("crm");
    expect(JSON.stringify(entry)).not.toContain("canary");
    expect(entry).toMatchObject({ spec: { url, headers: {}, timeout: 10_000 } });
  });

  test("a variable without a value in the file breaks only the server that uses it, and is reported in the file", async () => {
    const content = { mcpServers: { a: { url: "https://${MCP_HOST}/mcp" }, b: { url } } };
    const cwd = await project(content, ["a", "b"]);
    const { servers } = await loadConfig({ cwd, env: {} });
    expect(servers.get("b")).toHaveProperty("spec");
    expect(servers.url("a")).toBeUndefined();
    expect(servers.get("a")).toMatchObject({
      failure: {
        code: "config_invalid",
        message: `Server "a" cannot be used: ${cwd}/.mcp.json:4:14 /mcpServers/a/url: The environment variable MCP_HOST is not set. Set it, or load a file that has it with node --env-file=FILE, or write a default: \${MCP_HOST:-…}.`,
      },
    });
  });

  test("a plain http URL in the file breaks only its server, and is reported in the file", async () => {
    const cwd = await project({ servers: { a: { url: "http://mcp.example/" }, b: { url } } }, ["a", "b"]);
    const { servers } = await loadConfig({ cwd, env: {} });
    expect(servers.get("b")).toHaveProperty("spec");
    const entry = servers.get("a");
    expect(entry).toMatchObject({ failure: { code: "insecure_url" } });
    expect(JSON.stringify(entry)).toContain(`${cwd}/.mcp.json:4:14 /servers/a/url: Must be https`);
  });

  test.each([
    [
      "no URL",
      "mcp.example/mcp",
      "Must be an absolute URL that starts with https:// (or http:// on loopback), found a string of 15 characters.",
    ],
    [
      "a user name",
      "https://u:canary@mcp.example/",
      "A URL here must not have a user name or password. Credentials belong in the `client` of the grant.",
    ],
    [
      "a fragment",
      "https://mcp.example/#a",
      "A URL here must not have a fragment. Remove the # and what follows it.",
    ],
    ["a number", 5, "Must be a string, found 5."],
    [
      "an unfinished variable",
      "https://${/",
      "This ${ does not start a variable. Write ${NAME}, ${env:NAME} or ${NAME:-default}, or $${ for a literal ${.",
    ],
    [
      "an input of VS Code",
      "https://x/${input:tenant}",
      "${input:…} has a value only in the host. Write ${env:NAME} with a variable of the environment, or write the `url` of this server in the config.",
    ],
    [
      "a file of Windsurf",
      "https://x/${file:/etc/x}",
      "${file:…} has a value only in the host. Write ${env:NAME} with a variable of the environment, or write the `url` of this server in the config.",
    ],
    [
      "a folder of an editor",
      "https://x/${workspaceFolder}",
      "${workspaceFolder} has a value only in the host. Write ${env:NAME} with a variable of the environment, or write the `url` of this server in the config.",
    ],
  ])("one violation at its position in the file is reported for a URL with %s", async (_, wrong, message) => {
    expect(await violationsIn({ mcpServers: { crm: { type: "http", url: wrong } } })).toEqual([
      `.mcp.json:5:14 /mcpServers/crm/url: ${message}`,
    ]);
  });

  test("two URLs with the same mistake are two violations, each at its place", async () => {
    const content = { mcpServers: { a: { url: "a" }, b: { url: "b" } } };
    expect((await violationsIn(content, ["b", "a"])).map((line) => line.split(" ")[0])).toEqual([
      ".mcp.json:4:14",
      ".mcp.json:7:14",
    ]);
  });
});

describe("an entry that cannot be used", () => {
  const command =
    "This server is a local command, which needs no authorization. Remove the server from the config, or write its `url` there.";
  const type =
    'This type of server is not supported. A server with a URL has the type "http", "streamable-http" or "sse", or none.';
  const noUrl = "This server has no URL. Write it here, or as the `url` of this server in the config.";
  const noObject = "Must be an object with the URL of an MCP server.";
  test.each([
    ["a local command", { command: "npx" }, `4:18 /mcpServers/crm/command: ${command}`],
    [
      "a local command with a type",
      { type: "stdio", command: "npx" },
      `4:15 /mcpServers/crm/type: ${command}`,
    ],
    ["a local command of Copilot", { type: "local", url }, `4:15 /mcpServers/crm/type: ${command}`],
    ["of another type", { type: "websocket", url }, `4:15 /mcpServers/crm/type: ${type}`],
    ["of a type that is not text", { type: 1, url }, `4:15 /mcpServers/crm/type: ${type}`],
    ["without a URL", { headers: {} }, `3:12 /mcpServers/crm: ${noUrl}`],
    ["with a URL that is null", { url: null }, `3:12 /mcpServers/crm: ${noUrl}`],
    ["a string", url, `3:12 /mcpServers/crm: ${noObject}`],
    ["a list", [url], `3:12 /mcpServers/crm: ${noObject}`],
  ])("one violation in the file is reported for an entry that is %s", async (_, entry, expected) => {
    expect(await violationsIn({ mcpServers: { crm: entry } })).toEqual([`.mcp.json:${expected}`]);
  });

  test("a server that the file does not have is reported in the config, with the near name", async () => {
    expect(await violationsIn({ mcpServers: { "crm-1": { url }, other: { url } } }, ["crm1"])).toEqual([
      'mcp-auth.config.json:4:5 /servers/crm1: This server has no `url`, and the imported file ".mcp.json" has no server of this name. Did you mean "crm-1"?',
    ]);
    expect(await violationsIn({ servers: { a: {}, b: {} } }, ["crm"])).toEqual([
      'mcp-auth.config.json:4:5 /servers/crm: This server has no `url`, and the imported file ".mcp.json" has no server of this name. It has: a, b.',
    ]);
  });

  test("a server without `url` in a config without `import` is one violation", async () => {
    const cwd = await folder({ "mcp-auth.config.json": JSON.stringify({ servers: { crm: server } }) });
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([{ pointer: "/servers/crm", message: 'The property "url" is missing' }]);
  });

  test("names from the file cannot change what a terminal shows", async () => {
    const [violation] = await violationsIn({ mcpServers: { "crm\u001b[2J\n::error::": { url } } }, ["zzz"]);
    expect(violation).toContain("It has: crm\\u001b[2J\\u000a::error::");
  });
});

describe("an imported file that cannot be used", () => {
  test.each([
    ["not JSON", "{ oops", ":1:3: This is not JSON. The file must be JSON, which may have comments."],
    ["empty", "", ":1:1: The file is empty."],
    [
      "a list",
      "[]",
      ":1:1: The file has no object `mcpServers` or `servers`. Import the file in which a host has its MCP servers, such as .mcp.json or .vscode/mcp.json.",
    ],
    [
      "without servers",
      '{ "mcp": {} }',
      ":1:1: The file has no object `mcpServers` or `servers`. Import the file in which a host has its MCP servers, such as .mcp.json or .vscode/mcp.json.",
    ],
    [
      "with a list of servers",
      '{ "servers": [] }',
      ":1:1: The file has no object `mcpServers` or `servers`. Import the file in which a host has its MCP servers, such as .mcp.json or .vscode/mcp.json.",
    ],
    [
      "nested too deeply",
      `{ "mcpServers": ${"[".repeat(200)}${"]".repeat(200)} }`,
      ":1:1: The file is nested too deeply.",
    ],
  ])("one violation with line and column is reported for a file that is %s", async (_, content, expected) => {
    const [first, ...others] = await violationsIn(content);
    expect(others).toEqual([]);
    expect(first).toBe(`.mcp.json${expected}`);
  });

  test("a file in UTF-16 is one violation that says so", async () => {
    const cwd = await project({}, ["crm"]);
    await writeFile(join(cwd, ".mcp.json"), Buffer.from(`\uFEFF{ "mcpServers": {} }`, "utf16le"));
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toEqual([
      {
        file: join(cwd, ".mcp.json"),
        line: 1,
        column: 1,
        pointer: "",
        message: "The file is not UTF-8",
        hint: "Save it as UTF-8",
      },
    ]);
  });

  test("a property that occurs twice is a violation only where the config uses it", async () => {
    const text = (twice: string) =>
      `{ "theme": 1, "theme": 2, "mcpServers": { "crm": { "url": "${url}", "headers": { "a": "", "a": "" }${twice} }, "b": {}, "b": {} } }`;
    expect(await urlsIn(text(""), ["crm"])).toEqual({ crm: url });
    expect(await violationsIn(text(`, "url": "https://other.example/"`))).toEqual([
      expect.stringMatching(/^\.mcp\.json:1:\d+ \/mcpServers\/crm\/url: The property "url" is defined twice/),
    ]);
    const section = `{ "mcpServers": { "crm": { "url": "${url}" } }, "mcpServers": {} }`;
    expect(await violationsIn(section)).toEqual([
      expect.stringMatching(/^\.mcp\.json:1:\d+ \/mcpServers: The property "mcpServers" is defined twice/),
    ]);
  });

  test("a missing file is reported where the config names it", async () => {
    const cwd = await folder({ "mcp-auth.config.json": JSON.stringify(config(["crm"]), null, 2) });
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([
      {
        file: join(cwd, "mcp-auth.config.json"),
        line: 2,
        column: 13,
        pointer: "/import",
        message: `Cannot import "${cwd}/.mcp.json": the file does not exist`,
      },
    ]);
    expect(await rejectionOf(loadConfig({ cwd, env: {} }))).toMatchObject({ code: "config_invalid" });
  });

  test.each([
    ["a folder", "./sub", "the file does not exist"],
    ["a device", "/dev/null", "this is not a regular file"],
    ["a path below a file", "./mcp-auth.config.json/x", "the file does not exist"],
  ])("an import of %s is one violation", async (_, path, reason) => {
    const cwd = await folder({
      "mcp-auth.config.json": JSON.stringify(config(["crm"], path)),
      "sub/x": "",
    });
    const { violations } = await checkConfig({ cwd, env: {}, cliPath: "mcp-auth.config.json" });
    expect(violations).toHaveLength(1);
    expect(violations[0]?.message).toMatch(new RegExp(`^Cannot import ".*": ${reason}$`));
  });

  test("a file can have 16 MiB and not one byte more", async () => {
    const limit = 16 * 1024 * 1024;
    const text = JSON.stringify({ mcpServers: { crm: { url } } });
    const cwd = await project(text.padEnd(limit), ["crm"]);
    expect((await loadConfig({ cwd, env: {} })).servers.url("crm")).toBe(url);
    await writeFile(join(cwd, ".mcp.json"), text.padEnd(limit + 1));
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([
      { pointer: "/import", message: `Cannot import "${cwd}/.mcp.json": the file is larger than 16 MiB` },
    ]);
  });

  test("`validate --fix` has no correction for the imported file", async () => {
    const cwd = await project({ mcpServers: { "crm-1": { url: "${X" } } }, ["crm1", "crm-1"]);
    const { fixed } = await checkConfig({ cwd, env: {} });
    expect(fixed).toBeUndefined();
  });
});

describe("the path of the import", () => {
  test.each([
    [
      "mcp-auth.config.yaml",
      `import: ./.mcp.json\nservers:\n  crm:\n    grant: ${JSON.stringify(server.grant)}\n`,
    ],
    ["package.json", JSON.stringify({ name: "agent", "mcp-auth": config(["crm"]) })],
  ])("a config in %s can import a file", async (name, text) => {
    const cwd = await folder({ [name]: text, ".mcp.json": JSON.stringify({ servers: { crm: { url } } }) });
    expect((await loadConfig({ cwd, env: {} })).servers.url("crm")).toBe(url);
    await writeFile(join(cwd, ".mcp.json"), "{}");
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([{ file: join(cwd, ".mcp.json"), line: 1, column: 1 }]);
    await writeFile(join(cwd, ".mcp.json"), '{ "servers": {} }');
    const [violation] = (await checkConfig({ cwd, env: {} })).violations;
    expect(violation).toMatchObject({
      file: join(cwd, name),
      pointer: `${name === "package.json" ? "/mcp-auth" : ""}/servers/crm`,
    });
  });

  test("a config that imports itself is an ordinary mistake", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": JSON.stringify(config(["crm"], "mcp-auth.config.json")),
    });
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([{ pointer: "/servers/crm", message: "This server has no URL" }]);
  });

  test("it is relative to the config file, and for a config in code to `cwd`", async () => {
    const cwd = await folder({
      "conf/mcp.json": JSON.stringify(config(["crm"], "../host/mcp.json")),
      "host/mcp.json": JSON.stringify({ servers: { crm: { url } } }),
    });
    const fromFile = await loadConfig({ cwd, env: {}, cliPath: "conf/mcp.json" });
    const fromCode = await loadConfig({ cwd, env: {}, config: config(["crm"], "host/mcp.json") });
    expect([fromFile, fromCode].map(({ servers }) => servers.url("crm"))).toEqual([url, url]);
  });

  test("it may have variables, and one without a value breaks only the servers without a `url`", async () => {
    const cwd = await folder({
      "mcp-auth.config.json": JSON.stringify({
        import: "${MCP_FILE}",
        servers: { crm: server, own: { ...server, url } },
      }),
      "a.json": JSON.stringify({ servers: { crm: { url } } }),
    });
    const set = await loadConfig({ cwd, env: { MCP_FILE: "a.json" } });
    expect(set.servers.url("crm")).toBe(url);
    const unset = await loadConfig({ cwd, env: {} });
    expect(unset.servers.get("own")).toHaveProperty("spec");
    expect(unset.servers.get("crm")).toMatchObject({ failure: { code: "config_invalid" } });
    expect(unset.servers.url("crm")).toBeUndefined();
    const { violations } = await checkConfig({ cwd, env: {} });
    expect(violations).toMatchObject([
      { pointer: "/import", message: "The environment variable MCP_FILE is not set" },
    ]);
  });

  test.each([
    ["a number", 5, "/import: Must be a string, found 5. Write it in quotes."],
    ["empty", "", "/import: Must not be empty."],
    ["a list", ["a"], "/import: Must be a string, found a list."],
  ])("one violation is reported for a path that is %s", async (_, path, expected) => {
    const { violations } = await checkConfig({
      config: { import: path, servers: { crm: server } } as never, // Wrong on purpose.
      cwd: "/srv",
      env: {},
    });
    expect(violations.map(formatViolation)).toEqual([expected]);
  });
});

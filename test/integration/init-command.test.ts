import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Ask } from "../../src/cli/io.js";
import type { Handler, HttpServer } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { snippets } from "../support/snippets.js";
import { command, project } from "../unit/cli/command.js";
import { agentSecret, startScriptedServer, startWorld } from "./harness.js";

const root = new URL("../../", import.meta.url);
const name = "mcp-auth.config.json";
const configIn = async (folder: string, file = name): Promise<unknown> =>
  JSON.parse(await readFile(join(folder, file), "utf8"));
const files = async (folder: string) => (await readdir(folder)).filter((file) => file !== ".git").sort();

/** Answers questions by the start of their text. A question without an answer gets the default, as Enter does. */
function person(
  answers: Readonly<Record<string, string | boolean>> = {},
): Ask & { readonly asked: string[] } {
  const asked: string[] = [];
  const answer = (message: string) => {
    asked.push(message);
    return Object.entries(answers).find(([start]) => message.startsWith(start))?.[1];
  };
  return {
    asked,
    confirm: async (message, { initial = true } = {}) => (answer(message) ?? initial) === true,
    async text(message, { initial = "", validate } = {}) {
      const text = String(answer(message) ?? initial);
      const problem = validate?.(text);
      if (problem !== undefined) throw new Error(`${message}: ${problem}`);
      return text;
    },
    async select(message, choices) {
      const label = answer(message);
      return (choices.find((choice) => choice.label === label) ?? choices[0])?.value ?? "";
    },
  };
}

/** An MCP server whose origin is also its authorization server. */
function ownIssuer(metadata: (origin: string) => object = () => ({})): Promise<HttpServer> {
  const server: Promise<HttpServer> = startScriptedServer(async ({ url }, response) => {
    const { origin } = await server;
    if (url.endsWith("/mcp")) {
      if (url.startsWith("/.well-known/oauth-protected-resource")) {
        return sendJson(response, { resource: `${origin}/mcp`, authorization_servers: [origin] });
      }
      return sendJson(response, {}, 401, { "www-authenticate": "Bearer" });
    }
    const own = { issuer: origin, token_endpoint: `${origin}/token`, ...metadata(origin) };
    return url.startsWith("/.well-known/oauth-authorization")
      ? sendJson(response, own)
      : sendJson(response, {}, 404);
  });
  return server;
}

describe("init with a URL", () => {
  test("init and token lead from an empty folder to a token", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project();
    const options = ["--client-id", "agent", "--issuer", issuer.issuer];
    const done = await command(["init", mcp.url, "--name", "crm", ...options], { cwd });
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toContain("npx mcp-auth-runtime token crm");
    expect(done.out).toContain("CRM_SECRET");
    expect(done.err).toContain("warning: there is no .gitignore. Create one with .env");
    expect(done.out).toContain("  crm: client id agent, secret from CRM_SECRET\n");
    expect(done.out).toContain(
      "    Will authenticate with client_secret_basic, and ask for no scope (the server names none)\n",
    );
    expect(done.out).toContain("  node --env-file=.env --import mcp-auth-runtime/register agent.mjs");
    expect(await configIn(cwd)).toEqual({
      servers: {
        crm: {
          url: mcp.url,
          grant: { client: { issuer: issuer.issuer, id: "agent", secret: { env: "CRM_SECRET" } } },
        },
      },
    });
    expect(await readFile(join(cwd, ".env.example"), "utf8")).toBe(
      "# A value with spaces, # or quotes needs quotes around it: NAME='a value'\n" +
        '# The secret of the client "crm"\nCRM_SECRET=\n',
    );
    expect(await files(cwd)).toEqual([".env.example", name]);
    const token = await command(["token", "crm"], { cwd, env: { CRM_SECRET: agentSecret } });
    expect(token).toMatchObject({ code: 0, out: expect.stringMatching(/^ey/) });
  });

  test("the commands of docs/cli.md lead to a token", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project();
    const shown = snippets(root, "docs/cli.md").find(({ mark }) => mark === "init")?.code ?? "";
    const [first, second, last] = shown
      .replace("https://crm.example/mcp", `${mcp.url} --name crm`)
      .replace("https://auth.example", issuer.issuer)
      .replace("crm-agent", "agent")
      .split("\n")
      .map((line) => line.replace("npx mcp-auth-runtime ", "").split(" "));
    const done = await command(first ?? [], { cwd });
    expect(done.out).toContain((second ?? []).join(" "));
    expect(await command(last ?? [], { cwd, env: { CRM_SECRET: agentSecret } })).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^ey/),
    });
  });

  test("on a terminal, a confirmed issuer and Enter at every other question lead to a valid config", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project({ ".gitignore": ".env\n" });
    const ask = person({ Send: true });
    const done = await command(["init", mcp.url], { cwd, ask });
    expect(done).toMatchObject({ code: 0 });
    expect(done.err).not.toContain(".gitignore");
    expect(ask.asked).toHaveLength(4);
    expect(ask.asked.join("\n")).toContain(`Send the client's credentials to ${issuer.issuer}?`);
    const client = { issuer: issuer.issuer, id: "${SERVER_CLIENT_ID}", secret: { env: "SERVER_SECRET" } };
    expect(await configIn(cwd)).toEqual({ servers: { server: { url: mcp.url, grant: { client } } } });
    const env = { SERVER_CLIENT_ID: "agent", SERVER_SECRET: agentSecret };
    expect(await command(["token", "server"], { cwd, env })).toMatchObject({ code: 0 });
  });

  test("Enter does not confirm the authorization server that the MCP server names, and nothing is written", async () => {
    const { mcp } = await startWorld();
    const cwd = await project();
    const done = await command(["init", mcp.url], { cwd, ask: person() });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain("Nothing was written");
    expect(await files(cwd)).toEqual([]);
  });

  test("without a terminal, an issuer at another origin must be given", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project();
    const done = await command(["init", mcp.url, "--client-id", "agent"], { cwd });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain(
      `\n  npx mcp-auth-runtime init ${mcp.url} --client-id agent --issuer ${issuer.issuer}\n`,
    );
    expect(await files(cwd)).toEqual([]);
  });

  test("an issuer at the server's own origin needs no confirmation", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({ ".gitignore": ".env" });
    expect(await command(["init", `${origin}/mcp`, "--client-id", "a"], { cwd })).toMatchObject({ code: 0 });
    const ask = person();
    const more = ["--name", "b", "--client-id", "b"];
    expect(await command(["init", `${origin}/mcp`, ...more], { cwd, ask })).toMatchObject({ code: 0 });
    expect(ask.asked).toEqual([]);
  });

  test("an issuer that the server does not list is refused, except for a slash at the end", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project();
    const wrong = await command(["init", `${origin}/mcp`, "--issuer", "https://auth.example"], { cwd });
    expect(wrong).toMatchObject({ code: 3, out: "" });
    expect(wrong.err).toContain(`authorization_servers: ${origin}`);
    const near = await command(["init", `${origin}/mcp`, "--issuer", `${origin}/`], { cwd });
    expect(near).toMatchObject({ code: 0 });
    expect(await configIn(cwd)).toMatchObject({
      servers: { server: { grant: { client: { issuer: origin } } } },
    });
  });

  test("of several issuers one must be given, or chosen on a terminal", async () => {
    const { mcp, issuer } = await startWorld({
      mcp: { authorizationServers: ["https://one.example", "https://two.example"] },
    });
    const cwd = await project();
    const refused = await command(["init", mcp.url], { cwd });
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toMatch(/--issuer https:\/\/one\.example\n.*--issuer https:\/\/two\.example/);
    expect(issuer.tokensIssued).toBe(0);
    const ask = person({ "Which authorization server": "https://two.example" });
    expect(await command(["init", mcp.url], { cwd, ask })).toMatchObject({ code: 0 });
    expect(await configIn(cwd)).toMatchObject({
      servers: { server: { grant: { client: { issuer: "https://two.example" } } } },
    });
  });

  test("an issuer whose host looks like another one is shown with its real name in the list of issuers", async () => {
    const { mcp } = await startWorld({
      mcp: { authorizationServers: ["https://аuth.example", "https://auth.example/$(id)"] },
    });
    const refused = await command(["init", mcp.url], { cwd: await project() });
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain("--issuer 'https://аuth.example'    # its host is xn--uth-5cd.example\n");
    expect(refused.err).toContain("--issuer 'https://auth.example/$(id)'\n");
  });

  test("a name of the config is quoted where a command line has it", async () => {
    const cwd = await project({
      [name]: JSON.stringify({ servers: { "$(id)": { url: "https://crm.example/mcp" } } }),
    });
    const refused = await command(["init", "https://crm.example/mcp"], { cwd });
    expect(refused).toMatchObject({ code: 2, out: "" });
    expect(refused.err).toContain("token '$(id)', or");
  });

  test("the command that makes a key names the file that the config names", async () => {
    const { mcp, issuer } = await startWorld();
    const cwd = await project();
    const options = ["--client-id", "agent", "--issuer", issuer.issuer, "--key", "${a}.pem"];
    const done = await command(["init", mcp.url, "--name", "crm", ...options], { cwd });
    expect(done.out).toContain("keys generate '${a}.pem' ");
    expect(await readFile(join(cwd, name), "utf8")).toContain('"./$${a}.pem"');
  });

  test("a server that cannot be reached is written if the issuer is given, with a warning", async () => {
    const server = await startScriptedServer((_, response) => sendJson(response, {}));
    const url = `${server.origin}/crm/mcp`;
    await server.close();
    const cwd = await project();
    const failed = await command(["init", url], { cwd });
    expect(failed).toMatchObject({ code: 4, out: "" });
    expect(failed.err).toContain("--issuer URL");
    const done = await command(["init", url, "--issuer", "https://auth.example", "--client-id", "a"], {
      cwd,
    });
    expect(done).toMatchObject({ code: 0 });
    expect(done.err).toContain("warning: [unavailable]");
    const client = { issuer: "https://auth.example", id: "a", secret: { env: "CRM_SECRET" } };
    expect(await configIn(cwd)).toEqual({ servers: { crm: { url, grant: { client } } } });
  });

  test("an authorization server that lists only private_key_jwt leads to a key, and the command that generates one", async () => {
    const { origin } = await ownIssuer(() => ({
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
    }));
    const cwd = await project();
    const done = await command(["init", `${origin}/mcp`, "--client-id", "a"], { cwd });
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toContain("keys generate secrets/server.pem");
    expect(done.out).toContain("keys jwks server");
    expect(done.err).toContain("there is no .gitignore. Create one with secrets/");
    const key = { privateKey: { file: "./secrets/server.pem" } };
    expect(await configIn(cwd)).toMatchObject({ servers: { server: { grant: { client: { key } } } } });
    expect(await files(cwd)).toEqual([name]);
  });

  test("on a terminal, the files of keys are offered, and a key that is there is not generated", async () => {
    const { origin } = await ownIssuer(() => ({
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
    }));
    const pem = "-----BEGIN PRIVATE KEY-----\n";
    const parent = await project({
      "bot.pem": pem,
      "ca.pem": "-----BEGIN CERTIFICATE-----\n",
      "public.jwk.json": '{"kty":"EC","x":"a"}',
    });
    const cwd = join(parent, "project");
    await mkdir(join(cwd, "secrets"), { recursive: true });
    await writeFile(join(cwd, "secrets/agent.key"), pem);
    const offered: string[] = [];
    const ask = person({ "Where is": "../bot.pem" });
    const watching: Ask = {
      ...ask,
      async select(message, choices) {
        offered.push(...choices.map(({ label }) => label));
        return await ask.select(message, choices);
      },
    };
    const done = await command(["init", `${origin}/mcp`, "--client-id", "a"], { cwd, ask: watching });
    expect(done).toMatchObject({ code: 0 });
    expect(offered).toEqual(["secrets/agent.key", "../bot.pem", "I have none yet", "another file"]);
    expect(done.out).toContain("private key in ../bot.pem\n    Will authenticate with private_key_jwt, and");
    expect(done.out).not.toContain("keys generate");
    expect(await configIn(cwd)).toMatchObject({
      servers: { server: { grant: { client: { key: { privateKey: { file: "../bot.pem" } } } } } },
    });
  });

  test("a person without a key is told how to create and register one, and to keep it out of git", async () => {
    const { origin } = await ownIssuer(() => ({
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
    }));
    const cwd = await project({ ".gitignore": "node_modules" });
    const ask = person({ "Where is": "I have none yet" });
    const done = await command(["init", `${origin}/mcp`, "--client-id", "a"], { cwd, ask });
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toContain("npx mcp-auth-runtime keys generate secrets/server.pem");
    expect(done.out).toContain("npx mcp-auth-runtime keys jwks server");
    expect(ask.asked.at(-1)).toContain("Add secrets/ to .gitignore");
    expect(await readFile(join(cwd, ".gitignore"), "utf8")).toBe("node_modules\nsecrets/\n");
  });

  test("a person who does not want a line in .gitignore gets a warning, and the file stays", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({ ".gitignore": "node_modules\n" });
    const ask = person({ "Add .env": false });
    const done = await command(["init", `${origin}/mcp`, "--client-id", "a"], { cwd, ask });
    expect(done).toMatchObject({ code: 0 });
    expect(done.err).toContain("warning: .gitignore does not have .env. Add it before");
    expect(await readFile(join(cwd, ".gitignore"), "utf8")).toBe("node_modules\n");
  });

  test("--key names a key relative to the working directory, also for a config in another folder", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project();
    await mkdir(join(cwd, "conf"));
    const options = ["--key", "keys/agent.pem", "--config", "conf/agents.yaml", "--client-id", "a"];
    expect(await command(["init", `${origin}/mcp`, ...options], { cwd })).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, "conf/agents.yaml"), "utf8")).toContain("file: ../keys/agent.pem");
  });

  test("an issuer over plain http needs allowInsecureHttp in the config", async () => {
    const server = await startScriptedServer((_, response) => sendJson(response, {}, 404));
    const argv = ["init", `${server.origin}/mcp`, "--issuer", "http://auth.internal", "--client-id", "a"];
    const cwd = await project();
    const refused = await command(argv, { cwd });
    expect(refused).toMatchObject({ code: 2, out: "", err: expect.stringContaining("Must be https") });
    const allowed = { network: { allowInsecureHttp: ["auth.internal"] }, servers: {} };
    const other = await project({ [name]: JSON.stringify(allowed) });
    expect(await command(argv, { cwd: other })).toMatchObject({ code: 0 });
  });

  test("a key that is there is not generated, and variables of a given client id are listed", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({ "agent.pem": "" });
    const options = ["--key", "agent.pem", "--client-id", "${AGENT}-crm"];
    const done = await command(["init", `${origin}/mcp`, ...options], { cwd });
    expect(done).toMatchObject({ code: 0, out: expect.not.stringContaining("keys generate") });
    expect(await readFile(join(cwd, ".env.example"), "utf8")).toContain("\nAGENT=\n");
  });

  test.each([
    ["crm.example/mcp", 'Write "https://crm.example/mcp"'],
    ["localhost:3000/mcp", 'Write "https://localhost:3000/mcp"'],
    ["user:hunter2@crm.example", "This is not a whole URL"],
    ["crm", 'Write "https://crm"'],
  ])("the URL %s is refused with a correction", async (url, correction) => {
    const done = await command(["init", url], { cwd: await project() });
    expect(done).toMatchObject({ code: 2, out: "", err: expect.stringContaining(correction) });
    expect(done.err).not.toContain("hunter2");
  });

  test("without a URL and without a terminal, the error names both ways", async () => {
    const cwd = await project({ ".cursor": "" });
    const done = await command(["init"], { cwd });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain("init URL");
    expect(done.err).toContain("--from .mcp.json");
  });

  test("on a terminal, the URL is asked for", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project();
    const ask = person({ "URL of": `${origin}/mcp` });
    expect(await command(["init"], { cwd, ask })).toMatchObject({ code: 0 });
    expect(await configIn(cwd)).toMatchObject({ servers: { server: { url: `${origin}/mcp` } } });
  });
});

describe("init with a config that is there", () => {
  const existing =
    '{ // ours\n  "servers": {\n    "crm": { "url": "https://crm.example/mcp", "grant": {\n' +
    '      "client": { "issuer": "https://auth.example", "id": "a", "secret": { "env": "CRM_SECRET" } } } }, // old\n  },\n}\n';

  test("a server is added to JSON, and comments and layout stay", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({ [name]: existing });
    const done = await command(["init", `${origin}/mcp`, "--name", "erp", "--client-id", "b"], { cwd });
    expect(done).toMatchObject({ code: 0 });
    expect(done.out).toContain(`Added to ${name}: erp`);
    const text = await readFile(join(cwd, name), "utf8");
    expect(text).toContain(existing.slice(0, existing.indexOf("  },\n}")));
    expect(await command(["validate"], { cwd })).toMatchObject({
      code: 0,
      out: expect.stringContaining("2 servers"),
    });
    expect((await lstat(join(cwd, name))).mode & 0o777).toBe(0o600);
  });

  test("a server is added to YAML and to package.json", async () => {
    const { origin } = await ownIssuer();
    const yaml =
      "# ours\nservers:\n  crm: # old\n    url: https://crm.example/mcp\n    grant:\n      client: acme\n" +
      "clients:\n  acme: { issuer: https://auth.example, id: a, secret: { env: S } }\n";
    const json = `{\n  "name": "x",\n  "mcp-auth": ${JSON.stringify({ servers: {} })}\n}\n`;
    for (const [file, text] of [
      ["mcp-auth.config.yaml", yaml],
      ["package.json", json],
    ] as const) {
      const cwd = await project({ [file]: text });
      const done = await command(["init", `${origin}/mcp`, "--name", "erp", "--client-id", "b"], { cwd });
      expect(done).toMatchObject({ code: 0 });
      expect(await readFile(join(cwd, file), "utf8")).toContain(text.split("\n")[0]);
      const servers = file === "package.json" ? "1 server" : "2 servers";
      expect(await command(["validate"], { cwd })).toMatchObject({
        code: 0,
        out: expect.stringContaining(servers),
      });
    }
  });

  test("a name or URL that the config has is refused, and the file is not changed", async () => {
    const cwd = await project({ [name]: existing });
    const sameName = await command(["init", "https://erp.example/mcp", "--name", "crm"], { cwd });
    expect(sameName).toMatchObject({ code: 2, out: "" });
    expect(sameName.err).toContain("--name crm-2");
    const sameUrl = await command(["init", "https://crm.example/mcp"], { cwd });
    expect(sameUrl).toMatchObject({ code: 2, out: "" });
    expect(sameUrl.err).toContain("token crm");
    expect(await readFile(join(cwd, name), "utf8")).toBe(existing);
  });

  test("a client of the config for the same issuer is used", async () => {
    const { origin } = await ownIssuer();
    const clients = { acme: { issuer: origin, id: "a", secret: { env: "ACME" } } };
    const cwd = await project({ [name]: JSON.stringify({ clients, servers: {} }) });
    const done = await command(["init", `${origin}/mcp`], { cwd });
    expect(done).toMatchObject({ code: 0 });
    expect(await configIn(cwd)).toMatchObject({ servers: { server: { grant: { client: "acme" } } } });
    expect(await files(cwd)).toEqual([name]);
  });

  test("a variable that the config uses for another secret is not used again", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({
      [name]: existing.replaceAll('"crm"', '"a.b"').replace("CRM_SECRET", "A_B_SECRET"),
    });
    expect(
      await command(["init", `${origin}/mcp`, "--name", "a-b", "--client-id", "b"], { cwd }),
    ).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, name), "utf8")).toContain("A_B_SECRET_2");
  });

  test("a config that cannot be read is reported and not changed", async () => {
    const cwd = await project({ [name]: "{ nonsense" });
    const done = await command(["init", "https://crm.example/mcp"], { cwd });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain("config_invalid");
    expect(await readFile(join(cwd, name), "utf8")).toBe("{ nonsense");
  });

  test("a config that changed while questions were asked is not overwritten", async () => {
    const { origin } = await ownIssuer();
    const cwd = await project({ [name]: existing });
    const ask = person();
    const changing: Ask = {
      ...ask,
      async text(message, options) {
        await writeFile(join(cwd, name), `${existing}// new\n`);
        return await ask.text(message, options);
      },
    };
    const done = await command(["init", `${origin}/mcp`], { cwd, ask: changing });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(done.err).toContain("has changed");
    expect(await readFile(join(cwd, name), "utf8")).toBe(`${existing}// new\n`);
  });

  test("--config with a link to nothing creates no file", async () => {
    const cwd = await project();
    await symlink(join(cwd, "elsewhere.json"), join(cwd, "c.json"));
    expect(await command(["init", "https://crm.example/mcp", "--config", "c.json"], { cwd })).toMatchObject({
      code: 2,
    });
    expect(await files(cwd)).toEqual(["c.json"]);
  });
});

describe("init with hostile metadata", () => {
  const hostile = (document: (origin: string) => object): Promise<HttpServer> => {
    const handler: Handler = async ({ url }, response) => {
      if (url === "/mcp") return sendJson(response, {}, 401, { "www-authenticate": "Bearer" });
      return url.startsWith("/.well-known/oauth-protected-resource")
        ? sendJson(response, document((await server).origin))
        : sendJson(response, {}, 404);
    };
    const server = startScriptedServer(handler);
    return server;
  };

  test("an issuer with quotes and ${X} is written as text that is not interpolated", async () => {
    const issuer = 'https://auth.example/"x"/${HOME}';
    const { origin } = await hostile((own) => ({ resource: `${own}/mcp`, authorization_servers: [issuer] }));
    const cwd = await project();
    const done = await command(["init", `${origin}/mcp`, "--issuer", issuer, "--client-id", "a"], { cwd });
    expect(done).toMatchObject({ code: 0 });
    expect(await readFile(join(cwd, name), "utf8")).toContain(
      '"issuer": "https://auth.example/\\"x\\"/$${HOME}"',
    );
  });

  test("a person sees the real name of a host with letters that look like others", async () => {
    // The first letter of the host is Cyrillic.
    const issuer = "https://\u0430uth.example";
    const { origin } = await hostile((own) => ({ resource: `${own}/mcp`, authorization_servers: [issuer] }));
    const ask = person({ Send: false });
    const done = await command(["init", `${origin}/mcp`], { cwd: await project(), ask });
    expect(done).toMatchObject({ code: 2, out: "" });
    expect(ask.asked.at(-1)).toContain("(its host is xn--uth-5cd.example)");
  });

  test("control characters reach neither the terminal nor the config, and long lists are shortened", async () => {
    const { origin } = await hostile((own) => ({
      resource: `${own}/mcp`,
      authorization_servers: [
        "https://auth.example/\u001b[2J",
        "https://a.example/\u202e",
        "https://ok.example",
      ],
      scopes_supported: Array.from({ length: 5_000 }, (_, index) => `scope-${index}`),
    }));
    const cwd = await project();
    const done = await command(["init", `${origin}/mcp`], { cwd, ask: person({ Send: true }) });
    expect(done).toMatchObject({ code: 0 });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(done.err + done.out).not.toMatch(/[\u001b\u202e]/);
    expect(done.err).toContain("and 4988 more");
    expect(done.err.length).toBeLessThan(6_000);
    expect(await configIn(cwd)).toMatchObject({
      servers: { server: { grant: { client: { issuer: "https://ok.example" } } } },
    });
  });
});

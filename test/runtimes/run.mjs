// `npm run test:runtimes`: runs the built package on Bun and Deno. The last line is `N passed, N failed`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { transform } from "esbuild";
import { hangLimit } from "../support/hang-limit.js";
import { startProxy, startServers, startUntrusted } from "./servers.mjs";

const here = import.meta.dirname;
const { dependencies } = createRequire(import.meta.url)("./package.json");
const runtimes = {
  Bun: { command: join(here, "node_modules/.bin/bun"), args: ["run"], version: dependencies.bun },
  Deno: {
    command: join(here, "node_modules/.bin/deno"),
    args: ["run", "--allow-all", "--no-remote"],
    version: dependencies.deno,
  },
};
const cli = "node_modules/mcp-auth-runtime/dist/cli.js";
const work = await realpath(await mkdtemp(join(tmpdir(), "runtimes-")));
const tally = { passed: 0, failed: 0 };
const servers = await startServers();
const proxy = await startProxy();
const pair = await (await testModule("../support/certificates.ts")).selfSigned({ hosts: ["127.0.0.1"] });
const untrusted = await startUntrusted(pair);
try {
  for (const [runtime, settings] of Object.entries(runtimes)) await testRuntime(runtime, settings);
} finally {
  for (const each of [servers, proxy, untrusted]) each.close();
  await rm(work, { recursive: true, force: true });
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;

async function testRuntime(runtime, { command, args, version }) {
  const folder = await createProject(runtime);
  const start = (more, env = {}) => execute(command, [...args, ...more], { folder, env });
  const agent = async (scenario, env) => {
    const { code, stdout, stderr } = await start(["agent.mjs", scenario], env);
    assert.equal(code, 0, stderr);
    const { runtime: actual, ...printed } = JSON.parse(stdout.trimEnd().split("\n").at(-1));
    assert.equal(actual, runtime);
    return printed;
  };
  const check = (title, test) => verdict(`${runtime}: ${title}`, test);
  /** The number of token requests during some work. */
  const counting = async (during) => {
    const before = servers.tokenRequests.length;
    const result = await during();
    return [result, servers.tokenRequests.length - before];
  };

  await check(`it is version ${version}`, async () => {
    const { stdout } = await execute(command, ["--version"], { folder, env: {} });
    assert.match(stdout, new RegExp(`(?:^|deno )${version.replaceAll(".", "[.]")}\\s`));
  });
  await check(
    "a hundred calls with a config object make one token request, and a call is accepted",
    async () => {
      const [{ tokens, status }, count] = await counting(() => agent("object"));
      assert.deepEqual([tokens.length, status, count], [1, 200, 1]);
    },
  );
  await check("a config file with a file store: a second process reuses the token", async () => {
    const [first, count] = await counting(() => agent("file"));
    const [second, more] = await counting(() => agent("file"));
    assert.deepEqual([first.status, count, second, more], [200, 1, first, 0]);
  });
  await check("a token is bound to a key, and each call carries a proof", async () => {
    assert.deepEqual(await agent("dpop"), { type: "DPoP", status: 200 });
  });
  await check("a token is renewed ahead of its expiry", async () => {
    servers.setLifetime(5);
    const [{ first, second, state }, count] = await counting(() => agent("renewal"));
    servers.setLifetime(3_600);
    assert.notEqual(second, first);
    assert.deepEqual([state, count], ["fresh", 2]);
  });
  await check("a refused token is replaced", async () => {
    const ended = await execute(command, [...args, "agent.mjs", "refused"], {
      ...{ folder, env: {} },
      onOutput(text, child) {
        if (!text.includes("revoke\n")) return;
        servers.revoke();
        child.stdin.end("go\n");
      },
    });
    const { before, status, after } = JSON.parse(ended.stdout.trimEnd().split("\n").at(-1));
    assert.equal(status, 200);
    assert.notEqual(after, before);
  });
  await check("the commands validate, token and headers work, and report mistakes", async () => {
    const run = async (...line) => {
      const { code, stdout, stderr } = await start([cli, ...line]);
      return [code, stdout + stderr];
    };
    const [valid, validated] = await run("validate", "--secrets");
    assert.equal(valid, 0, validated);
    assert.match(validated, /no mistakes, 1 server/);
    const [given, token] = await run("token", "crm");
    assert.match(`${given} ${token}`, /^0 token-\d+\n$/);
    const [printed, headers] = await run("headers", "crm");
    assert.match(`${printed} ${headers}`, /^0 \{"authorization":"Bearer token-\d+"\}\n$/);
    const [unknown, message] = await run("token", "crn");
    assert.equal(unknown, 2);
    assert.match(message, /error\[unknown_server\]/);
  });

  const refused = async (scenario, feature, env) => {
    const [{ code, message, retryable, ...rest }, count] = await counting(() => agent(scenario, env));
    assert.deepEqual([code, retryable, rest, count], ["config_invalid", false, {}, 0], message);
    assert.ok(
      message
        .toLowerCase()
        .includes(
          `no request was sent: ${feature.toLowerCase()} works only on node.js, and this is ${runtime.toLowerCase()}.`,
        ),
      message,
    );
    assert.deepEqual(proxy.requests, []);
  };
  await check(
    "authorities, a proxy and a client certificate of the config are refused in words",
    async () => {
      await refused("ca", '"ca" under "network"');
      await refused("proxy", '"proxy" under "network"');
      await refused("certificate", "a client certificate");
    },
  );
  await check("a proxy in the environment is refused in words, and gets no request", async () => {
    for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY"]) {
      const feature = `a proxy in the environment (${name.toUpperCase()})`;
      await refused("plain", feature, { [name]: proxy.origin });
      await refused("noProxy", feature, { [name]: proxy.origin });
    }
    const secure = { HTTPS_PROXY: proxy.origin, ORIGIN: "https://auth.example" };
    await refused("plain", "a proxy in the environment (HTTPS_PROXY)", secure);
  });
  await check("a proxy that was removed after the import is refused too", async () => {
    const feature = "a proxy in the environment at the start (HTTP_PROXY)";
    await refused("removed", feature, { HTTP_PROXY: proxy.origin });
    const exempt = { HTTP_PROXY: proxy.origin, NO_PROXY: "127.0.0.1" };
    assert.match((await agent("removed", exempt)).token, /^token-/);
  });
  await check(
    "a NO_PROXY that other programs read differently is refused, and no proxy gets a request",
    async () => {
      for (const list of ["other.example 127.0.0.1", "127.0.0.0/8", "*", "127.0.0.1:443", "other.example *"])
        await refused("plain", "a proxy in the environment (HTTP_PROXY)", {
          HTTP_PROXY: proxy.origin,
          NO_PROXY: list,
        });
    },
  );
  await check("a server that NO_PROXY names is reached without the proxy", async () => {
    const env = { HTTP_PROXY: proxy.origin, NO_PROXY: "other.example,127.0.0.1" };
    assert.match((await agent("plain", env)).token, /^token-/);
    assert.deepEqual(proxy.requests, []);
  });
  await check("the identity of the machine is asked for, but never through a proxy", async () => {
    const env = { GCE_METADATA_HOST: new URL(servers.origin).host };
    assert.match((await agent("identity", env)).token, /\.c2ln$/);
    for (const name of ["HTTP_PROXY", "ALL_PROXY"]) {
      const { code, message } = await agent("identity", { ...env, [name]: proxy.origin });
      assert.equal(code, "config_invalid", message);
      assert.match(
        message,
        new RegExp(`${runtime} would ask for the identity of this machine through the proxy in ${name}\\.`),
      );
    }
    const exempt = { ...env, HTTP_PROXY: proxy.origin, NO_PROXY: "127.0.0.1" };
    assert.match((await agent("identity", exempt)).token, /\.c2ln$/);
    assert.deepEqual(proxy.requests, []);
  });
  await check(
    "a server with an untrusted certificate gets no request, whatever the environment says",
    async () => {
      const { origin } = untrusted;
      const careful = await agent("plain", { ORIGIN: origin });
      assert.match(careful.code, /^(?:tls_failed|unavailable)$/, careful.message);
      const careless = await agent("plain", { ORIGIN: origin, NODE_TLS_REJECT_UNAUTHORIZED: "0" });
      assert.equal(careless.code, "tls_failed");
      assert.match(careless.message, /no request was sent\. NODE_TLS_REJECT_UNAUTHORIZED/i);
      assert.deepEqual(untrusted.requests, []);
    },
  );
}

/** Imports a module in TypeScript without imports of ours. */
async function testModule(path) {
  const source = await readFile(join(here, path), "utf8");
  const { code } = await transform(source, { loader: "ts", format: "esm" });
  return await import(`data:text/javascript,${encodeURIComponent(code)}`);
}

async function createProject(runtime) {
  const folder = join(work, runtime);
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await symlink(join(here, "../.."), join(folder, "node_modules/mcp-auth-runtime"));
  await copyFile(join(here, "agent.mjs"), join(folder, "agent.mjs"));
  const grant = { client: { issuer: servers.origin, id: "agent", secret: { env: "AGENT_SECRET" } } };
  const config = {
    store: { type: "file", path: "./store", encryptionKey: { file: "./store-key" } },
    servers: { crm: { url: `${servers.origin}/mcp`, grant } },
  };
  const files = {
    "package.json": '{ "private": true, "type": "module" }\n',
    "mcp-auth.config.json": `// The config of the test\n${JSON.stringify(config)}\n`,
    "store-key": randomBytes(32).toString("base64url"),
    "authority.pem": pair.certificate,
    "agent.crt": pair.certificate,
    "agent.key": pair.privateKey,
  };
  for (const [name, text] of Object.entries(files))
    await writeFile(join(folder, name), text, { mode: 0o600 });
  return folder;
}

function execute(command, args, { folder, env, onOutput = () => {} }) {
  const { PATH } = process.env;
  const child = spawn(command, args, {
    cwd: folder,
    // A home of its own, so that nothing is left in that of the user.
    env: {
      PATH,
      HOME: folder,
      AGENT_SECRET: "a-secret-of-the-test",
      ORIGIN: servers.origin,
      PROXY: proxy.origin,
      ...env,
    },
    signal: AbortSignal.timeout(hangLimit),
    killSignal: "SIGKILL",
  });
  const said = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) {
    child[name].setEncoding("utf8").on("data", (text) => {
      said[name] += text;
      onOutput(text, child);
    });
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, ...said }));
  });
}

async function verdict(title, test) {
  try {
    await test();
    tally.passed += 1;
    console.log(`ok    ${title}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAIL  ${title}`);
    console.log(String(error.message).trimEnd().replace(/^/gm, "      | "));
  }
}

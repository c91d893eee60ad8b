import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { hangLimit } from "../support/hang-limit.js";
import { type Listening, listen } from "../support/listen.js";
import { type ConnectProxy, startConnectProxy } from "../unit/net/connect-proxy.js";

const root = new URL("../../", import.meta.url);
// Inside the project, so that its dependencies are found, in a folder that git and the checks ignore.
const folder = new URL(`node_modules/.cache/net-${process.pid}/`, root);
const path = (name: string): string => fileURLToPath(new URL(name, folder));

let server: Listening;
let proxy: ConnectProxy;

beforeAll(async () => {
  await mkdir(folder, { recursive: true });
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1", "server.test"] });
  const client = await authority.issue({ subject: "CN=agent", client: true });
  await writeFile(path("ca.pem"), authority.certificate);
  await writeFile(path("client.json"), JSON.stringify(client));
  const tls = { cert: certificate, key: privateKey };
  // Neither server closes a connection during the test.
  server = await listen(
    () => (_request, response) => void response.writeHead(200, { "keep-alive": "timeout=600" }).end("ok"),
    { ...tls, ca: authority.certificate, requestCert: true, rejectUnauthorized: false },
  );
  proxy = await startConnectProxy();
  await build({
    entryPoints: [
      fileURLToPath(new URL("src/net/network.ts", root)),
      fileURLToPath(new URL("src/lib/secret.ts", root)),
    ],
    outdir: fileURLToPath(folder),
    outbase: fileURLToPath(new URL("src", root)),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    splitting: true,
  });
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await proxy.close();
  await server.close();
});

/** Runs a module that gets `network`, `identity` and `url`. Resolves with its output when it has ended. */
async function run(code: string): Promise<string> {
  const file = path(`${Math.random().toString(36).slice(2)}.mjs`);
  await writeFile(
    file,
    `import { readFileSync } from "node:fs";
import { createNetwork } from "./net/network.mjs";
import { Secret } from "./lib/secret.mjs";
const { certificate, privateKey } = JSON.parse(readFileSync(${JSON.stringify(path("client.json"))}, "utf8"));
const identity = { certificate, privateKey: new Secret(privateKey), thumbprint: "t", expiresAt: 0 };
const network = (spec) => createNetwork({ fetch, spec: { ca: [${JSON.stringify(path("ca.pem"))}], ...spec }, env: {} });
const [direct, named, proxy] = ${JSON.stringify([
      server.origin,
      server.origin.replace("127.0.0.1", "server.test"),
      proxy.origin,
    ])};
${code}
`,
  );
  // For a network without `ca`, so that Node trusts the authority by default.
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: path("ca.pem") };
  const { stdout } = await promisify(execFile)(process.execPath, [file], { env, timeout: hangLimit });
  return stdout.trim();
}

describe("idle connections", () => {
  test("a process exits although idle connections of all kinds are open", async () => {
    const output = await run(`
import { subscribe } from "node:diagnostics_channel";
const connections = [];
subscribe("undici:client:connected", ({ socket }) => connections.push(socket));
// Runs when the process has nothing left to do. If it had waited for the connections, they would be closed.
process.once("beforeExit", () => console.log(connections.map(({ destroyed }) => destroyed ? "closed" : "open").join(" ")));
const through = network({ proxy });
const beside = network({});
const usual = createNetwork({ fetch, spec: { ca: [] }, env: {} });
const ask = [usual.fetch, through.fetch, through.fetchAs(identity), beside.fetch, beside.fetchAs(identity)];
for (const [index, fetch] of ask.entries()) console.log(await (await fetch([1, 2].includes(index) ? named : direct)).text());`);
    expect(output.split("\n")).toEqual(["ok", "ok", "ok", "ok", "ok", "open open open open open"]);
  });
});

test("undici is not loaded until a request needs it", async () => {
  const output = await run(`
import { createRequire } from "node:module";
const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((name) => name.includes("/undici/"));
const [plain, proxied] = [createNetwork({ fetch, spec: { ca: [] }, env: {} }), network({ proxy })];
plain.fetchAs(identity);
await plain.fetch("http://127.0.0.1:1/").catch(() => {});
console.log(loaded());
await (await network({}).fetch(direct)).text();
console.log(loaded());`);
  expect(output).toBe("false\ntrue");
});

// `doctor` and what is between this machine and the servers: names, ports, proxies, certificates.
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { listen } from "../support/listen.js";
import { freePort } from "../support/redis-server.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { startConnectProxy } from "../unit/net/connect-proxy.js";
import { diagnose, runDoctor, stepOf } from "./doctor.js";
import { agentSecret, startWorld } from "./harness.js";

const env = { SECRET: agentSecret };

/** A config whose MCP server and authorization server have these URLs. */
function configOf(url: string, issuer: string, more: object = {}): object {
  const client = { issuer, id: "agent", secret: { env: "SECRET" } };
  return { ...more, servers: { tools: { url, timeout: "5s", grant: { client } } } };
}

// No resolver is asked for a name with a label that is too long.
const unknownName = `${"a".repeat(64)}.example`;

test("a name that DNS does not know is blamed on DNS", async () => {
  const { code, server, blamed } = await diagnose({
    config: configOf(`https://${unknownName}/mcp`, `https://auth.${unknownName}`),
    env,
  });
  expect(blamed).toEqual(["fail server: dns_unknown_name", "fail issuer metadata: dns_unknown_name"]);
  expect(stepOf(server.steps, "server").message).toMatch(/^DNS: /);
  expect(server.todo).toMatchObject({ finding: "dns_unknown_name" });
  expect(server.todo?.text).toMatch(/^DNS does not know the host\. Check its spelling/);
  expect(stepOf(server.steps, "resource metadata")).toMatchObject({ message: "server not reached" });
  expect(code).toBe(4);
});

test("a name of the issuer that DNS does not know stops the token, and names the issuer", async () => {
  const world = await startWorld({ mcp: { publishMetadata: false } });
  const { code, server, blamed } = await diagnose({
    config: configOf(world.mcp.url, `https://${unknownName}`),
    env,
  });
  expect(blamed).toEqual(["fail issuer metadata: dns_unknown_name"]);
  expect(stepOf(server.steps, "issuer metadata").message).toContain(unknownName);
  for (const name of ["capability", "token"])
    expect(stepOf(server.steps, name)).toMatchObject({ verdict: "skip", message: "no metadata" });
  expect(stepOf(server.steps, "claims")).toMatchObject({ verdict: "skip", message: "no token" });
  expect(code).toBe(4);
});

test("a port that refuses connections is blamed on TCP, and the token is requested all the same", async () => {
  const world = await startWorld();
  const url = `http://127.0.0.1:${await freePort()}/mcp`;
  const { code, server, blamed } = await diagnose({ config: configOf(url, world.issuer.issuer), env });
  expect(blamed).toEqual(["fail server: refused_on_loopback"]);
  expect(stepOf(server.steps, "server").message).toMatch(/^TCP: .*ECONNREFUSED/);
  expect(server.todo?.text).toContain("Nothing listens on that port");
  expect(stepOf(server.steps, "token").verdict).toBe("pass");
  expect(stepOf(server.steps, "call")).toMatchObject({ verdict: "skip", message: "server not reached" });
  expect(code).toBe(4);
});

test("a proxy that refuses the server is named, with where it was configured", async () => {
  const proxy = await startConnectProxy({ refuse: () => 403 });
  onTestFinished(() => proxy.close());
  const { code, server, blamed } = await diagnose({
    config: configOf("https://crm.test/mcp", "https://auth.test"),
    env: { ...env, HTTPS_PROXY: proxy.origin },
  });
  expect(blamed[0]).toBe("fail server: proxy_refuses_server");
  expect(stepOf(server.steps, "server").message).toMatch(/^proxy: /);
  expect(JSON.stringify(server)).toContain("HTTPS_PROXY");
  expect(server.todo?.text).toContain("NO_PROXY");
  // What the proxy says is not repeated.
  expect(JSON.stringify(server)).not.toContain("Ignore all");
  expect(code).toBe(4);
});

test("a proxy that wants a password is told apart from one that refuses the server", async () => {
  const proxy = await startConnectProxy({ refuse: () => 407 });
  onTestFinished(() => proxy.close());
  const { server, blamed } = await diagnose({
    config: configOf("https://crm.test/mcp", "https://auth.test"),
    env: { ...env, HTTPS_PROXY: proxy.origin },
  });
  expect(blamed[0]).toBe("fail server: proxy_credentials_missing");
  expect(stepOf(server.steps, "server").message).toMatch(/^proxy: /);
});

test("a machine that may need a proxy is told how to set one", async () => {
  const { server } = await diagnose({
    config: configOf(`https://${unknownName}/mcp`, `https://${unknownName}`),
    env: { ...env, ALL_PROXY: "http://127.0.0.1:1" },
  });
  expect(server.todo?.text).toContain("ALL_PROXY is set but not used for this URL");
});

test("a proxy that replaces certificates is named, and verification is never offered to be turned off", async () => {
  const authority = await createAuthority();
  const { certificate: cert, privateKey: key } = await authority.issue({ hosts: ["crm.test"] });
  const impostor = await listen(() => (_, response) => void response.end(), { cert, key });
  onTestFinished(() => impostor.close());
  const proxy = await startConnectProxy();
  onTestFinished(() => proxy.close());
  const { port } = new URL(impostor.origin);
  const { code, server, blamed } = await diagnose({
    config: configOf(`https://crm.test:${port}/mcp`, `https://crm.test:${port}`),
    env: { ...env, HTTPS_PROXY: proxy.origin },
  });
  expect(blamed[0]).toBe("fail server: tls_intercepted");
  expect(stepOf(server.steps, "server").message).toMatch(/^TLS: /);
  const { text = "" } = server.todo ?? {};
  expect(text).toContain("network.ca");
  expect(text).toContain("NODE_EXTRA_CA_CERTS");
  expect(JSON.stringify(server)).not.toMatch(/NODE_TLS_REJECT_UNAUTHORIZED|rejectUnauthorized|insecure/i);
  expect(code).toBe(4);
});

test("a private authority is blamed on TLS until the config trusts it", async () => {
  const authority = await createAuthority();
  const { certificate: cert, privateKey: key } = await authority.issue({ hosts: ["127.0.0.1"] });
  const secured = await listen(() => (_, response) => void response.writeHead(404).end(), { cert, key });
  onTestFinished(() => secured.close());
  const world = await startWorld();
  const config = (more: object) => configOf(`${secured.origin}/mcp`, world.issuer.issuer, more);
  const untrusted = await diagnose({ config: config({}), env });
  expect(untrusted.blamed[0]).toMatch(/^fail server: tls_/);
  expect(untrusted.server.todo?.text).toContain("network.ca");
  const file = join(await temporaryFolder(), "ca.pem");
  await writeFile(file, authority.certificate);
  const trusted = await diagnose({ config: config({ network: { ca: file } }), env });
  expect(stepOf(trusted.server.steps, "server").verdict).toBe("pass");
});

const encryptionKey = Buffer.alloc(32, 7).toString("base64url");

test("a file store is checked with an entry that is deleted again", async () => {
  const path = join(await temporaryFolder(), "store");
  const world = await startWorld();
  const { report, code } = await diagnose({
    config: { ...world.config, store: { type: "file", path, encryptionKey: { env: "STORE_KEY" } } },
    env: { ...world.env, STORE_KEY: encryptionKey },
  });
  expect(stepOf(report.shared, "store")).toMatchObject({
    verdict: "pass",
    message: "file: an entry was written, read and deleted",
  });
  // Nothing of the token either: the tokens of a fleet stay as they are.
  const entries = await readdir(path);
  expect(entries.filter((name) => !name.startsWith("check."))).toEqual([]);
  for (const name of entries)
    expect((await readdir(join(path, name))).filter((file) => file.startsWith("value-"))).toEqual([]);
  expect(code).toBe(0);
});

test("a Redis store that is away is named, the servers are checked all the same, and the exit code is 4", async () => {
  const world = await startWorld();
  const store = { type: "redis", url: { env: "REDIS" }, encryptionKey: { env: "STORE_KEY" } };
  const config = { ...world.config, store };
  const more = { REDIS: `redis://127.0.0.1:${await freePort()}`, STORE_KEY: encryptionKey };
  const { code, report, server, blamed } = await diagnose({ config, env: { ...world.env, ...more } });
  expect(stepOf(report.shared, "store")).toMatchObject({ verdict: "fail", code: "store_unavailable" });
  expect(report.todo?.text).toBeTruthy();
  expect([server.ok, blamed]).toEqual([true, []]);
  expect([code, report.ok]).toEqual([4, false]);
  const { out } = await runDoctor({ config, env: { ...world.env, ...more } });
  expect(out).toMatch(
    /^fail {2}store +redis at the URL in the environment variable "REDIS": .*ECONNREFUSED/m,
  );
});

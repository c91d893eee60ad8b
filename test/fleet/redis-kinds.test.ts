import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { afterEach, expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import type { RedisAddress } from "../../src/stores/redis-client.js";
import type { TokenStore } from "../../src/stores/store.js";
import { storeContract } from "../../src/testing.js";
import { type Authority, createAuthority } from "../support/certificates.js";
import { freePort, type RedisServer, startRedis } from "../support/redis-server.js";

const running: RedisServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function started(...settings: readonly string[]): Promise<RedisServer> {
  const server = await startRedis(settings);
  running.push(server);
  return server;
}

type Where = Omit<RedisAddress, "url"> & { readonly url: string };

function storeAt({ url, ...further }: Where): TokenStore {
  const address = { url: new Secret(url), ...further };
  return createRedisStore({ address: async () => address, prefix: "mcp-auth:" });
}

/** All of the contract, at once: each requirement has keys of its own. */
async function keepsTheContract(where: Where): Promise<void> {
  const requirements = storeContract({ open: () => storeAt(where) });
  const outcomes = await Promise.allSettled(requirements.map(({ run }) => run()));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [`${requirements[index]?.name}: ${String(outcome.reason)}`] : [],
  );
  expect(failed).toEqual([]);
}

test("over TLS, with an authority of one's own", async () => {
  const authority = await createAuthority();
  const tlsPort = await freePort();
  const files = await certificateFiles(authority, ["127.0.0.1", "localhost"]);
  await started("--tls-port", String(tlsPort), ...files);
  const url = `rediss://localhost:${tlsPort}`;
  await keepsTheContract({ url, ca: [authority.certificate] });
  const untrusting = storeAt({ url });
  await expect(untrusting.get("key")).rejects.toThrow();
  await untrusting.close();
});

test("as the ACL user of docs/store.md, who may do nothing else", async () => {
  const server = await started();
  const admin = await clientOf(server);
  const page = await readFile(new URL("../../docs/store.md", import.meta.url), "utf8");
  const [, rules = ""] = /ACL SETUSER agents on .*(-@all .*)/.exec(page) ?? [];
  expect(rules).toContain("+eval");
  const user = ["on", ">pass%2Fword", "~mcp-auth:*", "&mcp-auth:*", ...rules.split(" ")];
  await admin.sendCommand(["ACL", "SETUSER", "agents", ...user]);
  await admin.sendCommand(["ACL", "SETUSER", "default", "off"]);
  await keepsTheContract({ url: `redis://agents:pass%252Fword@127.0.0.1:${server.port}` });
  const wrong = storeAt({ url: `redis://agents:wrong@127.0.0.1:${server.port}` });
  await expect(wrong.get("key")).rejects.toThrow();
  await wrong.close();
  admin.destroy();
});

test("with Sentinel, also after the server has moved", async () => {
  const first = await started();
  const second = await started("--replicaof", "127.0.0.1", String(first.port));
  const port = await freePort();
  const config = join(first.folder, "sentinel.conf");
  await writeFile(
    config,
    `sentinel monitor agents 127.0.0.1 ${first.port} 1\nsentinel down-after-milliseconds agents 500\n` +
      "sentinel failover-timeout agents 2000\n",
  );
  const sentinel = await startRedis(["--sentinel"], { config, port });
  running.push(sentinel);
  const where = {
    url: "redis://agents",
    sentinel: { name: "agents", nodes: [`127.0.0.1:${port}`] },
  };
  await keepsTheContract(where);

  const store = storeAt(where);
  await store.set("moved", "before");
  await expect.poll(async () => await valueAt(second, "mcp-auth:{moved}:value")).toBe("before");
  await first.kill();
  await expect.poll(async () => await store.set("moved", "after").catch(() => false)).toBe(true);
  expect(await store.get("moved")).toEqual({ value: "after" });
  expect(await valueAt(second, "mcp-auth:{moved}:value")).toBe("after");
  await store.close();
});

test("with a Sentinel that wants the password of the server too, and others that are not there", async () => {
  const password = randomBytes(12).toString("hex");
  const server = await started("--requirepass", password);
  const port = await freePort();
  const config = join(server.folder, "sentinel.conf");
  await writeFile(
    config,
    `sentinel monitor agents 127.0.0.1 ${server.port} 1\nsentinel auth-pass agents ${password}\nrequirepass ${password}\n`,
  );
  running.push(await startRedis(["--sentinel"], { config, port }));
  const nodes = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${port}`, `localhost:${await freePort()}`];
  const where = { url: `redis://:${password}@agents/3`, sentinel: { name: "agents", nodes } };
  const store = storeAt(where);
  await store.set("key", "value");
  expect(await store.get("key")).toEqual({ value: "value" });
  await store.close();
  const admin = await createClient({ url: `redis://:${password}@127.0.0.1:${server.port}/3` }).connect();
  expect(await admin.get("mcp-auth:{key}:value")).toBe("value");
  admin.destroy();
  const unknown = storeAt({ ...where, sentinel: { name: "others", nodes } });
  await expect(unknown.get("key")).rejects.toThrow();
  await unknown.close();
});

test("in a cluster", async () => {
  const nodes = [await started(...clustered), await started(...clustered), await started(...clustered)];
  await joined(
    nodes,
    nodes.map(({ port }) => port),
  );
  const [first, second] = nodes;
  await keepsTheContract({ url: first?.url ?? "", cluster: [second?.url ?? ""] });
});

test("in a cluster over TLS, where the nodes that the first one names are verified too", async () => {
  const authority = await createAuthority();
  const files = await certificateFiles(authority, ["127.0.0.1", "localhost"]);
  const nodes = [];
  for (let count = 0; count < 3; count += 1) {
    const tlsPort = await freePort();
    const overTls = [
      "--tls-port",
      String(tlsPort),
      ...files,
      "--tls-cluster",
      "yes",
      "--tls-replication",
      "yes",
    ];
    nodes.push({ ...(await started(...clustered, ...overTls)), tlsPort });
  }
  await joined(
    nodes,
    nodes.map(({ tlsPort }) => tlsPort),
  );
  const url = `rediss://localhost:${nodes[0]?.tlsPort}`;
  await keepsTheContract({ url, cluster: [], ca: [authority.certificate] });
});

/** Makes one cluster of three nodes, which find each other at these ports. */
async function joined(nodes: readonly RedisServer[], ports: readonly number[]): Promise<void> {
  const clients = await Promise.all(nodes.map(clientOf));
  const slots = [
    ["0", "5000"],
    ["5001", "11000"],
    ["11001", "16383"],
  ];
  for (const [index, client] of clients.entries()) {
    await client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", ...(slots[index] ?? [])]);
    for (const port of ports) await client.sendCommand(["CLUSTER", "MEET", "127.0.0.1", String(port)]);
  }
  for (const client of clients) {
    const info = async () => String(await client.sendCommand(["CLUSTER", "INFO"]));
    await expect.poll(info).toContain("cluster_state:ok");
    await expect.poll(info).toContain("cluster_known_nodes:3");
  }
  for (const client of clients) client.destroy();
}

/** The settings of a server with a certificate of this authority. */
async function certificateFiles(authority: Authority, hosts: readonly string[]): Promise<string[]> {
  const { certificate, privateKey } = await authority.issue({ hosts });
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-redis-tls-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [ca, cert, key] = [join(folder, "ca.pem"), join(folder, "cert.pem"), join(folder, "key.pem")];
  await writeFile(ca, authority.certificate);
  await writeFile(cert, certificate);
  await writeFile(key, privateKey);
  const files = ["--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key];
  return [...files, "--tls-auth-clients", "no"];
}

const clustered = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];

async function clientOf({ url }: RedisServer) {
  // The server may be gone before the client is.
  return await createClient({ url })
    .on("error", () => {})
    .connect();
}

async function valueAt(server: RedisServer, key: string): Promise<string | null> {
  const client = await clientOf(server);
  try {
    return await client.get(key);
  } finally {
    client.destroy();
  }
}

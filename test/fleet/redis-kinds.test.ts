import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import type { RedisAddress } from "../../src/stores/redis-client.js";
import type { TokenStore } from "../../src/stores/store.js";
import { storeContract } from "../../src/testing.js";
import { type Authority, createAuthority } from "../support/certificates.js";
import { freePort, type RedisServer, startRedis } from "../support/redis-server.js";
import { snippets } from "../support/snippets.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const running: RedisServer[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

async function startServer(...settings: readonly string[]): Promise<RedisServer> {
  const server = await startRedis(settings);
  running.push(server);
  return server;
}

type Location = Omit<RedisAddress, "url"> & { readonly url: string };

function storeAt({ url, ...further }: Location): TokenStore {
  const address = { url: new Secret(url), ...further };
  return createRedisStore({ address: async () => address, prefix: "mcp-auth:" });
}

/** Checks the whole store contract. The requirements use different keys, so they run concurrently. */
async function checkContract(where: Location): Promise<void> {
  const requirements = storeContract({ open: () => storeAt(where) });
  const outcomes = await Promise.allSettled(requirements.map(({ run }) => run()));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [`${requirements[index]?.name}: ${String(outcome.reason)}`] : [],
  );
  expect(failed).toEqual([]);
}

test("the Redis store works over TLS with a private certificate authority", async () => {
  const authority = await createAuthority();
  const tlsPort = await freePort();
  const files = await tlsSettings(authority, ["127.0.0.1", "localhost"]);
  await startServer("--tls-port", String(tlsPort), ...files);
  const url = `rediss://localhost:${tlsPort}`;
  await checkContract({ url, ca: [authority.certificate] });
  const untrusting = storeAt({ url });
  await expect(untrusting.get("key")).rejects.toThrow();
  await untrusting.close();
});

test("the Redis store works as the ACL user of docs/store.md", async () => {
  const server = await startServer();
  const admin = await connectTo(server);
  const shown = snippets(new URL("../../", import.meta.url), "docs/store.md");
  const { code = "" } = shown.find(({ mark }) => mark === "redis user") ?? {};
  const [, rules = ""] = /ACL SETUSER agents on .*(-@all .*)/.exec(code) ?? [];
  expect(rules).toContain("+eval");
  const user = ["on", ">pass%2Fword", "~mcp-auth:*", "&mcp-auth:*", ...rules.split(" ")];
  await admin.sendCommand(["ACL", "SETUSER", "agents", ...user]);
  await admin.sendCommand(["ACL", "SETUSER", "default", "off"]);
  await checkContract({ url: `redis://agents:pass%252Fword@127.0.0.1:${server.port}` });
  const wrong = storeAt({ url: `redis://agents:wrong@127.0.0.1:${server.port}` });
  await expect(wrong.get("key")).rejects.toThrow();
  await wrong.close();
  admin.destroy();
});

test("the Redis store works with Sentinel, also after a failover", async () => {
  const first = await startServer();
  const second = await startServer("--replicaof", "127.0.0.1", String(first.port));
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
  await checkContract(where);

  const store = storeAt(where);
  await store.set("moved", "before");
  await expect.poll(async () => await valueAt(second, "mcp-auth:{moved}:value")).toBe("before");
  await first.kill();
  await expect.poll(async () => await store.set("moved", "after").catch(() => false)).toBe(true);
  expect(await store.get("moved")).toEqual({ value: "after" });
  expect(await valueAt(second, "mcp-auth:{moved}:value")).toBe("after");
  await store.close();
});

test("the Redis store works with a Sentinel that requires the server's password, and with unreachable Sentinels", async () => {
  const password = randomBytes(12).toString("hex");
  const server = await startServer("--requirepass", password);
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

test("the Redis store works in a cluster", async () => {
  const nodes = [
    await startServer(...clusterSettings),
    await startServer(...clusterSettings),
    await startServer(...clusterSettings),
  ];
  await createCluster(
    nodes,
    nodes.map(({ port }) => port),
  );
  const [first, second] = nodes;
  await checkContract({ url: first?.url ?? "", cluster: [second?.url ?? ""] });
});

test("the Redis store works in a cluster over TLS, and verifies the nodes that the first node names", async () => {
  const authority = await createAuthority();
  const files = await tlsSettings(authority, ["127.0.0.1", "localhost"]);
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
    nodes.push({ ...(await startServer(...clusterSettings, ...overTls)), tlsPort });
  }
  await createCluster(
    nodes,
    nodes.map(({ tlsPort }) => tlsPort),
  );
  const url = `rediss://localhost:${nodes[0]?.tlsPort}`;
  await checkContract({ url, cluster: [], ca: [authority.certificate] });
});

/** Joins three nodes into a cluster, in which they find each other at these ports. */
async function createCluster(nodes: readonly RedisServer[], ports: readonly number[]): Promise<void> {
  const clients = await Promise.all(nodes.map(connectTo));
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

/** Returns the settings of a server with a certificate of this authority. */
async function tlsSettings(authority: Authority, hosts: readonly string[]): Promise<string[]> {
  const { certificate, privateKey } = await authority.issue({ hosts });
  const folder = await temporaryFolder();
  const [ca, cert, key] = [join(folder, "ca.pem"), join(folder, "cert.pem"), join(folder, "key.pem")];
  await writeFile(ca, authority.certificate);
  await writeFile(cert, certificate);
  await writeFile(key, privateKey);
  const files = ["--tls-ca-cert-file", ca, "--tls-cert-file", cert, "--tls-key-file", key];
  return [...files, "--tls-auth-clients", "no"];
}

const clusterSettings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];

async function connectTo({ url }: RedisServer) {
  // The server may end before the client.
  return await createClient({ url })
    .on("error", () => {})
    .connect();
}

async function valueAt(server: RedisServer, key: string): Promise<string | null> {
  const client = await connectTo(server);
  try {
    return await client.get(key);
  } finally {
    client.destroy();
  }
}

import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { afterEach, expect, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import type { RedisAddress } from "../../src/stores/redis-client.js";
import type { TokenStore } from "../../src/stores/store.js";
import { storeContract } from "../../src/testing.js";
import { createAuthority } from "../support/certificates.js";
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
async function keepsTheContract(where: Where, lease = 900): Promise<void> {
  const requirements = storeContract({ open: () => storeAt(where), lease });
  const outcomes = await Promise.allSettled(requirements.map(({ run }) => run()));
  const failed = outcomes.flatMap((outcome, index) =>
    outcome.status === "rejected" ? [`${requirements[index]?.name}: ${String(outcome.reason)}`] : [],
  );
  expect(failed).toEqual([]);
}

test("over TLS, with an authority of one's own", async () => {
  const authority = await createAuthority();
  const { certificate, privateKey } = await authority.issue({ hosts: ["127.0.0.1", "localhost"] });
  const plain = await started();
  const [cert, key] = [join(plain.folder, "cert.pem"), join(plain.folder, "key.pem")];
  await Promise.all([writeFile(cert, certificate), writeFile(key, privateKey)]);
  const tlsPort = await freePort();
  await started(
    "--tls-port",
    String(tlsPort),
    "--tls-cert-file",
    cert,
    "--tls-key-file",
    key,
    "--tls-auth-clients",
    "no",
  );
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
  const clients = await Promise.all(nodes.map(clientOf));
  const slots = [
    ["0", "5000"],
    ["5001", "11000"],
    ["11001", "16383"],
  ];
  for (const [index, client] of clients.entries()) {
    await client.sendCommand(["CLUSTER", "ADDSLOTSRANGE", ...(slots[index] ?? [])]);
    for (const { port } of nodes) await client.sendCommand(["CLUSTER", "MEET", "127.0.0.1", String(port)]);
  }
  for (const client of clients) {
    const info = async () => String(await client.sendCommand(["CLUSTER", "INFO"]));
    await expect.poll(info).toContain("cluster_state:ok");
    await expect.poll(info).toContain("cluster_known_nodes:3");
  }
  const [first, second] = nodes;
  await keepsTheContract({ url: first?.url ?? "", cluster: [second?.url ?? ""] });
  for (const client of clients) client.destroy();
});

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

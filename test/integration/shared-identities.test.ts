// Which processes share a stored token: only those with the same identity and key. With real servers.
import { exportPKCS8, generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { McpAuthOptions } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import { rejectionOf } from "../support/rejection-of.js";
import { type SharedMemory, sharedMemory } from "../support/shared-memory.js";
import { createTestRuntime } from "./harness.js";
import { type GrantConfig, type IdentityServers, startIdentityServers } from "./identity-servers.js";
import { connectClient } from "./tool-client.js";

let world: IdentityServers;
beforeAll(async () => {
  world = await startIdentityServers();
});
afterAll(() => world[Symbol.asyncDispose]());

/** Creates a manager of another process with the same store. `server` is the server config without its URL. */
async function processOver(
  memory: SharedMemory,
  kind: keyof IdentityServers["mcp"],
  server: object,
  env: Readonly<Record<string, string>> = {},
) {
  const servers = { tools: { url: world.mcp[kind].url, retry: { attempts: 1 }, ...server } };
  const auth = await createTestRuntime<string>({
    config: {
      network: world.network,
      keys: { agent: { privateKey: { env: "DPOP_KEY" } } },
      servers,
    } as never,
    env: { ...world.env, ...env },
    resolvers: world.resolvers,
    store: memory.store(),
  });
  return auth.resolve("tools");
}

const stored = (memory: SharedMemory) =>
  [...memory.data.entries.keys()].filter((key) => key.startsWith("token."));
const newKey = async () =>
  await exportPKCS8((await generateKeyPair("ES256", { extractable: true })).privateKey);

describe("stored DPoP tokens", () => {
  const grant = () => ({ client: world.client("basic"), scopes: ["read"] });

  test("a DPoP token is shared by processes with the same named key, and the MCP server accepts their proofs", async () => {
    const memory = sharedMemory();
    const env = { DPOP_KEY: await newKey() };
    const before = world.issuer.tokensIssued;
    for (const text of ["one", "two"]) {
      const manager = await processOver(memory, "DPoP", { grant: grant(), dpop: { key: "agent" } }, env);
      expect(await (await connectClient(manager)).call("echo", text)).toBe(text);
    }
    expect(world.issuer.tokensIssued - before).toBe(1);
  });

  test("a DPoP token is not shared with processes that have another key or none", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    for (const DPOP_KEY of [await newKey(), await newKey()]) {
      const manager = await processOver(
        memory,
        "DPoP",
        { grant: grant(), dpop: { key: "agent" } },
        { DPOP_KEY },
      );
      expect((await manager.getToken()).tokenType).toBe("DPoP");
    }
    const unbound = await processOver(memory, "none", { grant: grant() });
    expect((await unbound.getToken()).tokenType).toBe("Bearer");
    expect([world.issuer.tokensIssued - before, stored(memory).length]).toEqual([3, 3]);
  });

  test("a DPoP token for a generated key is not stored", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    for (const _ of [1, 2])
      await (await processOver(memory, "DPoP", { grant: grant(), dpop: true })).getToken();
    expect([world.issuer.tokensIssued - before, stored(memory).length]).toEqual([2, 0]);
  });
});

describe("stored certificate-bound tokens", () => {
  const grant = () => ({ client: world.client("pki"), scopes: ["read"] });

  test("a certificate-bound token is shared by processes with the same certificate, which they present", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    for (const text of ["one", "two"]) {
      const manager = await processOver(memory, "mTLS", { grant: grant() });
      expect(await (await connectClient(manager)).call("echo", text)).toBe(text);
    }
    expect(world.issuer.tokensIssued - before).toBe(1);
    expect(world.mcp.mTLS.requests.at(-1)?.certificateThumbprint).toBe(
      certificateThumbprint(world.identities.pki.certificate),
    );
  });

  test("a certificate-bound token is not shared with a process that has another certificate of the same subject", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    await (await processOver(memory, "mTLS", { grant: grant() })).getToken();
    const other = await world.authority.issue({ subject: "CN=agent, O=Acme, C=DE", client: true });
    const env = { PKI_CERT: other.certificate, PKI_KEY: other.privateKey };
    await (await processOver(memory, "mTLS", { grant: grant() }, env)).getToken();
    expect([world.issuer.tokensIssued - before, stored(memory).length]).toEqual([2, 2]);
  });
});

describe("stored tokens for users", () => {
  const grant = () => ({
    ...{ type: "token_exchange", client: world.client("basic"), scopes: ["read"] },
    subject: { token: { runtime: true }, type: "urn:ietf:params:oauth:token-type:jwt" },
  });
  const signIn = (sub: string) => world.platform.sign({ sub, aud: world.issuer.issuer });

  test("a user's token is shared by processes that serve the same user, even with another subject token", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    const tokens = new Set<string>();
    for (const _ of [1, 2]) {
      const manager = await processOver(memory, "none", { grant: grant() });
      tokens.add(await manager.for({ key: "ann", subjectToken: await signIn("ann") }).getAccessToken());
    }
    expect([world.issuer.tokensIssued - before, tokens.size]).toEqual([1, 1]);
  });

  test("a user's token is not used for another key or for another user's subject token with the same key", async () => {
    const memory = sharedMemory();
    const before = world.issuer.issued.length;
    for (const [key, sub] of [
      ["ann", "ann"],
      ["bob", "bob"],
      ["ann", "bob"],
      ["bob", "ann"],
    ] as const) {
      const manager = await processOver(memory, "none", { grant: grant() });
      await manager.for({ key, subjectToken: await signIn(sub) }).getAccessToken();
    }
    const subjects = world.issuer.issued.slice(before).map(({ subject }) => subject);
    expect(subjects).toEqual(["ann", "bob", "bob", "ann"]);
    expect(stored(memory).length).toBe(4);
  });
});

describe("stored tokens of users who are forgotten", () => {
  const grant = () => ({
    ...{ type: "jwt_bearer", client: world.client("basic"), scopes: ["read"] },
    assertion: { runtime: true },
  });
  // The server accepts an assertion once.
  const signIn = (key: string) => ({
    key,
    subjectToken: () => world.platform.sign({ sub: key, aud: world.issuer.issuer }),
  });

  test("forget() in one process deletes the stored tokens of a user that another process has requested", async () => {
    const memory = sharedMemory();
    const one = await processOver(memory, "none", { grant: grant() });
    const ann = one.for(signIn("ann"));
    await ann.getToken();
    await ann.getToken({ scopes: [] });
    const ofBob = await one.for(signIn("bob")).getAccessToken();
    expect(stored(memory).length).toBe(3);
    const two = await processOver(memory, "none", { grant: grant() });
    await two.forget("ann");
    expect(stored(memory).length).toBe(1);
    expect(await two.for(signIn("bob")).getAccessToken()).toBe(ofBob);
    await two.forget("nobody");
    expect(stored(memory).length).toBe(1);
  });

  test("a token that arrives while its user is forgotten is not in the store afterwards", async () => {
    const memory = sharedMemory();
    const inner = memory.store();
    const [begun, written] = [deferred(), deferred()];
    const steps: string[] = [];
    const store = memory.store({
      async set(key, ...rest) {
        if (!key.startsWith("token.")) return await inner.set(key, ...rest);
        begun.resolve();
        await written.promise;
        const isWritten = await inner.set(key, ...rest);
        steps.push("written");
        return isWritten;
      },
      async keys(prefix) {
        steps.push("listed");
        return await inner.keys(prefix);
      },
    });
    const manager = await processOver({ ...memory, store: () => store }, "none", { grant: grant() });
    const token = manager.for(signIn("ann")).getAccessToken();
    await begun.promise;
    const forgotten = manager.forget("ann");
    written.resolve();
    await Promise.all([forgotten, token.catch(() => {})]);
    expect(steps).toEqual(["written", "listed", "listed"]);
    expect(stored(memory)).toEqual([]);
  });

  test("forget() rejects if the store cannot be used, and the memory is empty all the same", async () => {
    const memory = sharedMemory();
    const failing = memory.store({ keys: () => Promise.reject(new Error("canary of the store")) });
    const manager = await processOver({ ...memory, store: () => failing }, "none", { grant: grant() });
    const ann = manager.for(signIn("ann"));
    await ann.getToken();
    const error = await rejectionOf(manager.forget("ann"));
    expect(error.code).toBe("store_unavailable");
    expect(error.message).not.toContain("canary");
    expect((await rejectionOf(ann.getToken())).code).toBe("secret_unavailable");
  });
});

describe("stored tokens for workloads", () => {
  const grant = (ref: string) => ({
    ...{ type: "jwt_bearer", client: world.client("basic"), scopes: ["read"] },
    assertion: { resolver: "given", ref },
  });
  /** Creates a manager of another process whose assertion has the subject that `given` returns. */
  async function workload(
    memory: SharedMemory,
    given: () => string,
    more: Partial<McpAuthOptions<"tools">> = {},
  ) {
    const auth = await createTestRuntime({
      config: {
        network: world.network,
        // Built from parts.
        servers: { tools: { url: world.mcp.none.url, grant: grant("given") as object as GrantConfig } },
      },
      env: world.env,
      resolvers: { given: async () => await signed(given()) },
      store: memory.store(),
      ...more,
    });
    return auth.resolve("tools");
  }
  const signed = (sub: string) => world.platform.sign({ sub, aud: world.issuer.issuer });

  test("a workload's token is shared by processes with the same subject, and the assertion is read once per request", async () => {
    const memory = sharedMemory();
    // A read assertion stays valid for a second.
    const clock = fakeClock(Date.now());
    const before = world.issuer.tokensIssued;
    let read = 0;
    for (const sub of ["workload", "workload", "robot"]) {
      const given = () => {
        read += 1;
        return sub;
      };
      await (await workload(memory, given, { clock })).getToken();
    }
    expect([world.issuer.tokensIssued - before, read]).toEqual([2, 3]);
  });

  test("a workload's token is not stored for another subject if the assertion changes during the request", async () => {
    const memory = sharedMemory();
    const subjects = ["workload", "robot", "robot"];
    let late = 0;
    const clock = {
      now: () => Date.now() + late,
      setTimeout: systemClock.setTimeout,
    };
    const slow = memory.store();
    const store = memory.store({
      async withLock(key, ttl, run) {
        // The assertion that was read before is too old now.
        late += 2_000;
        return await slow.withLock(key, ttl, run);
      },
    });
    const manager = await workload(memory, () => subjects.shift() ?? "robot", { clock, store });
    await manager.getToken();
    expect(world.issuer.issued.at(-1)?.subject).toBe("robot");
    await (await workload(memory, () => "workload")).getToken();
    expect(world.issuer.issued.at(-1)?.subject).toBe("workload");
  });
});

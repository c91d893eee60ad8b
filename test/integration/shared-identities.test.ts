// Whose a stored token is: those who have the key it is bound to share it, and nobody else finds it. Real servers.
import { exportPKCS8, generateKeyPair } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { McpAuthOptions } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import { fakeClock } from "../support/fake-clock.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import { type SharedMemory, sharedMemory } from "../support/shared-memory.js";
import { runtime } from "./harness.js";
import { type GrantConfig, type IdentityWorld, startIdentityWorld } from "./identity-world.js";
import { connectClient } from "./tool-client.js";

let world: IdentityWorld;
beforeAll(async () => {
  world = await startIdentityWorld();
});
afterAll(() => world[Symbol.asyncDispose]());

/** What another process would have over the same store: `server` is what stands beside `url`, put together from parts. */
async function processOver(
  memory: SharedMemory,
  kind: keyof IdentityWorld["mcp"],
  server: object,
  env: Readonly<Record<string, string>> = {},
) {
  const servers = { tools: { url: world.mcp[kind].url, retry: { attempts: 1 }, ...server } };
  const auth = await runtime<string>({
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

describe("a token that is bound to a key by DPoP", () => {
  const grant = () => ({ client: world.client("basic"), scopes: ["read"] });

  test("is shared among those who have the named key, whose proofs the MCP server takes", async () => {
    const memory = sharedMemory();
    const env = { DPOP_KEY: await newKey() };
    const before = world.issuer.tokensIssued;
    for (const text of ["one", "two"]) {
      const manager = await processOver(memory, "DPoP", { grant: grant(), dpop: { key: "agent" } }, env);
      expect(await (await connectClient(manager)).call("echo", text)).toBe(text);
    }
    expect(world.issuer.tokensIssued - before).toBe(1);
  });

  test("is not found by those who have another one, nor without", async () => {
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

  test("stays in the process that has made the key by itself", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    for (const _ of [1, 2])
      await (await processOver(memory, "DPoP", { grant: grant(), dpop: true })).getToken();
    expect([world.issuer.tokensIssued - before, stored(memory).length]).toEqual([2, 0]);
  });
});

describe("a token that is bound to a certificate", () => {
  const grant = () => ({ client: world.client("pki"), scopes: ["read"] });

  test("is shared among those who have it, and presented with it", async () => {
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

  test("is not found by those who have another one of the same subject", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    await (await processOver(memory, "mTLS", { grant: grant() })).getToken();
    const other = await world.authority.issue({ subject: "CN=agent, O=Acme, C=DE", client: true });
    const env = { PKI_CERT: other.certificate, PKI_KEY: other.privateKey };
    await (await processOver(memory, "mTLS", { grant: grant() }, env)).getToken();
    expect([world.issuer.tokensIssued - before, stored(memory).length]).toEqual([2, 2]);
  });
});

describe("a token for a user", () => {
  const grant = () => ({
    ...{ type: "token_exchange", client: world.client("basic"), scopes: ["read"] },
    subject: { token: { runtime: true }, type: "urn:ietf:params:oauth:token-type:jwt" },
  });
  const signIn = (sub: string) => world.platform.sign({ sub, aud: world.issuer.issuer });

  test("is shared by the processes that serve the same user, however often the user signs in", async () => {
    const memory = sharedMemory();
    const before = world.issuer.tokensIssued;
    const tokens = new Set<string>();
    for (const _ of [1, 2]) {
      const manager = await processOver(memory, "none", { grant: grant() });
      tokens.add(await manager.for({ key: "ann", subjectToken: await signIn("ann") }).getAccessToken());
    }
    expect([world.issuer.tokensIssued - before, tokens.size]).toEqual([1, 1]);
  });

  test("is found for no other: neither under another name, nor with another's sign-in under the same name", async () => {
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

describe("a token for what the platform says of a workload", () => {
  const grant = (ref: string) => ({
    ...{ type: "jwt_bearer", client: world.client("basic"), scopes: ["read"] },
    assertion: { resolver: "given", ref },
  });
  /** Another process, in which `{ "resolver": "given" }` is what `given` says. */
  async function workload(
    memory: SharedMemory,
    given: () => string,
    more: Partial<McpAuthOptions<"tools">> = {},
  ) {
    const auth = await runtime({
      config: {
        network: world.network,
        // Put together from parts.
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

  test("is shared by those of whom it says the same, and read once for each request", async () => {
    const memory = sharedMemory();
    // What was read counts as of now for a second.
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

  test("is not stored as another's where it says something else a moment later", async () => {
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
        // What was read before is not of now any more.
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

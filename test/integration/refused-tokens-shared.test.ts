// Refused tokens in processes that share a store, and with it the limits on token requests after refusals.
import { describe, expect, onTestFinished, test } from "vitest";
import type { McpAuthStore, TokenManager } from "../../src/index.js";
import { createMemoryStore } from "../../src/testing.js";
import { type LiveClock, liveClock } from "../support/live-clock.js";
import { type SharedMemory, sharedMemory } from "../support/shared-memory.js";
import { createTestManager } from "./harness.js";
import {
  type Refuse,
  type RefusingProxy,
  startRefusingProxy,
  statusOf,
  toolCall,
  toolIn,
  unauthorized,
} from "./refusing-proxy.js";

/** Refuses the tool `jira`, which passes on the 401 of its own backend. */
const jiraRefuses: Refuse = ({ body }, response) => toolIn(body) === "jira" && unauthorized(response);

interface Process {
  readonly manager: TokenManager;
  stop(): Promise<void>;
}

interface Shared extends LiveClock {
  readonly world: RefusingProxy;
  readonly memory: SharedMemory;
  /** Starts another process. */
  start(): Promise<Process>;
  /** Calls a tool from each process concurrently, and moves the clock so that waiting for a lock ends. */
  call(tool: string, ...processes: readonly Process[]): Promise<readonly number[]>;
}

/** Starts a world in which all processes and the store use the same clock. */
async function shared(options: Partial<McpAuthStore> = {}): Promise<Shared> {
  const world = await startRefusingProxy(jiraRefuses, { mcp: { toolScopes: { ping: [], jira: [] } } });
  const memory = sharedMemory();
  const live = liveClock();
  const { clock, fetch } = live;
  return {
    ...live,
    ...{ world, memory },
    async start() {
      const store = memory.store({ ...createMemoryStore({ data: memory.data, clock }), ...options });
      const { auth, manager } = await createTestManager(world, { clock, fetch, store });
      // A listener prevents process warnings.
      onTestFinished(auth.on("token:warning", () => {}));
      return { manager, stop: () => auth.stop() };
    },
    async call(tool, ...processes) {
      const answers = Promise.all(processes.map(({ manager }) => statusOf(manager, toolCall(tool))));
      let isDone = false;
      const note = (): void => {
        isDone = true;
      };
      answers.then(note, note);
      while (!isDone) await live.advance(10);
      return await answers;
    },
  };
}

const revoke = ({ issuer, mcp }: RefusingProxy, index: number): void =>
  mcp.revoke(issuer.issued.at(index)?.jti ?? "");

describe("a token from the store that is refused", () => {
  test("a refused token from the store is replaced with one token request", async () => {
    const { world, start, call } = await shared();
    await (await start()).manager.getToken();
    revoke(world, 0);
    expect(await call("ping", await start())).toEqual([200]);
    expect(world.issuer.tokenRequests).toHaveLength(2);
  });

  test("a refused token from the store is replaced by a newer one of another process, and after its refusal by a token request", async () => {
    const { world, start, call, advance } = await shared();
    const [one, other] = [await start(), await start()];
    for (const { manager } of [one, other]) await manager.getToken();
    await advance(1_000);
    revoke(world, 0);
    expect(await call("ping", one)).toEqual([200]);
    await advance(1_000);
    revoke(world, 1);
    const calls = () => world.front.requests.filter(({ method }) => method === "POST").length;
    const before = calls();
    expect(await call("ping", other)).toEqual([200]);
    expect(calls() - before).toBe(3);
    expect(world.issuer.tokenRequests).toHaveLength(3);
  });

  test("a process uses the stored token after a restart, and the hold on token requests continues", async () => {
    const { world, start, call, advance } = await shared();
    const first = await start();
    for (let second = 0; second < 8; second += 1) {
      await call("jira", first);
      await advance(1_000);
    }
    const { tokenRequests } = world.issuer;
    const before = tokenRequests.length;
    await first.stop();
    const second = await start();
    expect(await call("ping", second)).toEqual([200]);
    expect(tokenRequests).toHaveLength(before);
    // The new process knows no refused kinds. It uses one request of the allowance, and then the hold begins again.
    for (let times = 0; times < 5; times += 1) expect(await call("jira", second)).toEqual([401]);
    expect(tokenRequests).toHaveLength(before + 1);
    await advance(5_000);
    expect(await call("jira", second)).toEqual([401]);
    expect(tokenRequests).toHaveLength(before + 1);
  });

  test("twenty processes with a refused tool send no more token requests than one allowance and one series of holds", async () => {
    const { world, start, call, advance, clock } = await shared();
    const processes = await Promise.all(Array.from({ length: 20 }, start));
    const started = clock.now();
    for (let second = 0; second < 16; second += 1) {
      for (const tool of ["jira", "ping"]) {
        const statuses = await call(tool, ...processes);
        expect(new Set(statuses)).toEqual(new Set([tool === "jira" ? 401 : 200]));
      }
      await advance(1_000 - ((clock.now() - started) % 1_000));
    }
    // The first token, six requests of the allowance, and one for each hold of 1, 2, 4 and 8 s.
    expect(world.issuer.tokenRequests.length).toBeLessThanOrEqual(1 + 6 + 4);
  });
});

test("the limits on token requests are one store entry, which contains no part of a token or a request", async () => {
  const { start, call, memory } = await shared({ encryptionKeys: false });
  await call("jira", await start());
  const entries = [...memory.data.entries].filter(([key]) => key.startsWith("refusals."));
  expect(entries).toHaveLength(1);
  const [[key, { value }] = ["", { value: "" }]] = entries;
  expect([...memory.data.entries.keys()]).toContain(key.replace("refusals.", "token."));
  expect(JSON.parse(value)).toEqual({
    ...{ v: 1, failures: 1, holdFor: expect.any(Number), fullIn: expect.any(Number), at: expect.any(Number) },
  });
});

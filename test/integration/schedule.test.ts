import { expect, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { liveClock } from "../support/live-clock.js";
import {
  agentSecret,
  createTestManager,
  createTestRuntime,
  recordEvents,
  renewalReasons,
  startWorld,
  type World,
} from "./harness.js";

type Refresh = NonNullable<NonNullable<McpAuthConfig["defaults"]>["refresh"]>;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const midnight = Date.UTC(2026, 0, 1);

async function scheduled(world: World, refresh: Refresh, start = midnight) {
  const { tools } = world.config.servers;
  const { clock, fetch, advance } = liveClock(start);
  const config = { servers: { tools: { ...tools, refresh } } };
  const { auth, manager } = await createTestManager(world, { config, clock, fetch });
  return { auth, manager, clock, advance, heard: recordEvents(auth) };
}

test("a scheduled tick renews a token that would not last until the next tick", async () => {
  const world = await startWorld({ lifetime: 3_600 });
  const { auth, manager, heard, advance } = await scheduled(world, { schedule: "*/10 * * * *" });
  expect(await auth.start()).toEqual([]);
  // The token is usable for 59:30 and becomes stale after 53:30 at the earliest, so the fifth tick renews it.
  await advance(49 * minute + 59 * second);
  expect(renewalReasons(heard)).toEqual(["demand"]);
  await advance(31 * second);
  expect(renewalReasons(heard)).toEqual(["demand", "schedule"]);
  await advance(24 * hour - 50 * minute - 30 * second);
  const reasons = renewalReasons(heard);
  expect(new Set(reasons.slice(1))).toEqual(new Set(["schedule"]));
  // Renewed every 50 minutes. If the renewing tick is a little late, the next renewal is a tick later.
  expect(reasons.length).toBeGreaterThanOrEqual(1 + 24);
  expect(reasons.length).toBeLessThanOrEqual(1 + 36);
  expect(heard.filter(({ event }) => event !== "token:renewed")).toEqual([]);
  expect(world.issuer.tokenRequests).toHaveLength(reasons.length);
  // The token is fresh although nobody has called for a day.
  expect(manager.status().state).toBe("fresh");
});

test("the expiry timer renews a token that expires between two ticks of the schedule", async () => {
  const world = await startWorld({ lifetime: 60 });
  const { auth, heard, advance } = await scheduled(world, { schedule: "* * * * *" }, midnight - 10 * second);
  await auth.start();
  // Issued at :50, renewed by the tick at :00 to :06, stale again at :36 to :45, and so on.
  await advance(5 * minute);
  expect(renewalReasons(heard)).toEqual([
    "demand",
    ...Array.from({ length: 5 }, () => ["schedule", "expiry"]).flat(),
  ]);
});

test("without start(), no token is requested until the first call, which starts the schedule", async () => {
  const world = await startWorld({ lifetime: 3_600 });
  const { manager, heard, advance, clock } = await scheduled(world, { schedule: "*/10 * * * *" });
  await advance(2 * hour);
  expect(world.issuer.tokenRequests).toEqual([]);
  expect(clock.pending).toEqual([]);
  await manager.getAccessToken();
  await advance(hour);
  expect(renewalReasons(heard)).toEqual(["demand", "schedule"]);
});

test("each tick is delayed by the same offset, at most thirty seconds", async () => {
  const world = await startWorld({ lifetime: 1_000_000 });
  const { manager, advance, clock } = await scheduled(world, { schedule: "0 * * * *" });
  await manager.getAccessToken();
  await advance(1);
  const offsets = new Set<number>();
  for (let tick = 1; tick <= 5; tick += 1) {
    const next = manager.status().nextRefreshAt ?? 0;
    const offset = next - (midnight + tick * hour);
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset).toBeLessThanOrEqual(30 * second);
    offsets.add(Math.round(offset));
    await advance(next - clock.now() + 1);
  }
  expect(offsets.size).toBe(1);
});

test("a schedule with a time zone follows the change to summer time", async () => {
  const world = await startWorld({ lifetime: 10_000_000 });
  const refresh = { schedule: "0 3 * * *", timezone: "Europe/Berlin" };
  // The clocks go forward at 01:00 UTC on 29 March.
  const { manager, advance, clock } = await scheduled(world, refresh, Date.UTC(2026, 2, 27, 12));
  await manager.getAccessToken();
  await advance(1);
  const ticks: string[] = [];
  for (let day = 0; day < 4; day += 1) {
    const next = manager.status().nextRefreshAt ?? 0;
    ticks.push(new Date(next - (next % minute)).toISOString().slice(5, 16));
    await advance(next - clock.now() + 1);
  }
  expect(ticks).toEqual(["03-28T02:00", "03-29T01:00", "03-30T01:00", "03-31T01:00"]);
});

test("a manager that is asleep after `idle` is woken by a call and not by its schedule", async () => {
  const world = await startWorld({ lifetime: 3_600 });
  const { manager, heard, advance } = await scheduled(world, { schedule: "*/10 * * * *", idle: "2h" });
  await manager.getAccessToken();
  await advance(6 * hour);
  const asleep = renewalReasons(heard).length;
  expect(manager.status().state).toBe("asleep");
  expect(asleep).toBeGreaterThanOrEqual(2);
  expect(asleep).toBeLessThanOrEqual(4);
  await manager.getAccessToken();
  expect(manager.status().state).toBe("fresh");
  await advance(hour);
  expect(renewalReasons(heard).slice(asleep)).toEqual(["demand", "schedule"]);
});

test("each of several servers follows its own refresh setting", async () => {
  const world = await startWorld({ lifetime: 3_600 });
  const { tools } = world.config.servers;
  const { clock, fetch, advance } = liveClock(midnight);
  const auth = await createTestRuntime({
    config: {
      servers: {
        ticking: { ...tools, refresh: { schedule: "*/10 * * * *" } },
        expiring: tools,
        resting: { ...tools, refresh: false },
      },
    },
    env: { SECRET: agentSecret },
    clock,
    fetch,
  });
  const heard = recordEvents(auth);
  await auth.start();
  await auth.resolve("resting").getAccessToken();
  await advance(56 * minute);
  const of = (server: string) => renewalReasons(heard.filter((event) => event.server === server));
  expect(of("ticking")).toEqual(["demand", "schedule"]);
  // Used only on startup, so it is asleep after half an hour.
  expect(of("expiring")).toEqual(["demand"]);
  expect(of("resting")).toEqual(["demand"]);
  expect(auth.status().map(({ server, state }) => `${server} ${state}`)).toEqual([
    "ticking fresh",
    "expiring asleep",
    "resting stale",
  ]);
});

test("a scheduled renewal that fails causes an event, and the expiry timer still renews", async () => {
  const world = await startWorld({ lifetime: 3_600 });
  const refresh = { schedule: "*/10 * * * *", ahead: "1s" };
  const { auth, manager, heard, advance } = await scheduled(world, refresh);
  await auth.start();
  const token = await manager.getAccessToken();
  world.issuer.failNext(1_000, 400);
  await advance(51 * minute);
  expect(heard.filter(({ event }) => event === "token:failed")[0]).toMatchObject({
    reason: "schedule",
    code: "token_request_rejected",
    server: "tools",
  });
  expect(await manager.getAccessToken()).toBe(token);
  expect(manager.status()).toMatchObject({
    state: "fresh",
    lastError: { code: "token_request_rejected" },
  });
  world.issuer.failNext(0, 400);
  await advance(8 * minute + 59 * second);
  expect(renewalReasons(heard)).toEqual(["demand", "expiry"]);
  expect(manager.status().lastError).toBeUndefined();
  expect(await manager.getAccessToken()).not.toBe(token);
});

import { expect } from "vitest";
import { sendJson } from "../support/http-server.js";
import { faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;

function takeDown(world: FaultWorld): void {
  world.issuer.answer("token", (_request, response) => sendJson(response, {}, 503));
}

async function takeDownFor(world: FaultWorld, length: number, each?: () => Promise<void>): Promise<void> {
  takeDown(world);
  const end = world.clock.now() + length;
  while (world.clock.now() < end) {
    await world.clock.skip(each === undefined ? length : second);
    await each?.();
  }
  world.issuer.answer("token", undefined);
}

faults("HTTP", [
  {
    name: "503 for twenty minutes, twice the token's lifetime, without calls",
    sees: "a token, at once, in the first call after the outage",
    requests: "fewer than 50",
    recovery: "at most 66 s, without calls",
    async run(world) {
      const manager = await world.manager();
      const first = await world.until(manager.getAccessToken());
      const before = world.issuer.calls;
      takeDown(world);
      await world.clock.skip(20 * minute);
      // A retry, up to a tenth of the cool-down after its end, has just failed and started the next cool-down.
      const { nextRefreshAt = 0 } = manager.status();
      await world.clock.skip(nextRefreshAt + second - world.clock.now());
      expect(world.issuer.calls - before).toBeLessThan(50);
      expect(manager.status()).toMatchObject({ state: "cooldown", lastError: { code: "unavailable" } });
      world.issuer.answer("token", undefined);
      await world.clock.skip(66 * second);
      expect(manager.status().state).toBe("fresh");
      const calls = world.issuer.calls;
      const token = await manager.getAccessToken();
      expect(world.issued).toContain(token);
      expect(token).not.toBe(first);
      expect(world.issuer.calls).toBe(calls);
    },
  },
  {
    name: "503 for twenty minutes, with a call every second",
    sees: "its token until it expires (600 s), then `unavailable`",
    requests: "fewer than 50",
    recovery: "at most 66 s",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      const begun = world.clock.now();
      const before = world.issuer.calls;
      const failures: number[] = [];
      await takeDownFor(world, 20 * minute, async () => {
        const calledAt = world.clock.now();
        await world.until(manager.getAccessToken()).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "unavailable", retryable: true });
          failures.push(calledAt - begun);
        });
      });
      expect(failures[0]).toBeGreaterThanOrEqual(600 * second);
      expect(world.issuer.calls - before).toBeLessThan(50);
      await world.clock.skip(66 * second);
      expect(world.issued).toContain(await manager.getAccessToken());
    },
  },
  {
    name: "503 for two hours, and calls stop before its end",
    sees: "a token, after one request",
    requests: "none later than half an hour after the last call",
    recovery: "the next call after the cool-down",
    async run(world) {
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      await takeDownFor(world, 40 * minute);
      const calls = world.issuer.calls;
      await takeDownFor(world, 80 * minute);
      expect(world.issuer.calls).toBe(calls);
      expect(manager.status().state).toBe("asleep");
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
      expect(world.issuer.calls).toBe(calls + 1);
    },
  },
]);

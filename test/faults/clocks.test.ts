import { expect } from "vitest";
import { sendJson } from "../support/http-server.js";
import { faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A manager with its first token, of 600 s, and how many token requests there are from then on. */
async function supplied(world: FaultWorld) {
  const manager = await world.manager();
  const first = await world.until(manager.getAccessToken());
  const calls = world.issuer.calls;
  return { manager, first, requests: () => world.issuer.calls - calls };
}

/** Token requests are not answered until the function it gives is called. */
function held(world: FaultWorld): () => void {
  const waiting: (() => void)[] = [];
  world.issuer.answer("token", (_request, response) => {
    waiting.push(() =>
      sendJson(response, {
        access_token: world.issue(),
        token_type: "Bearer",
        expires_in: world.issuer.lifetime,
      }),
    );
  });
  const release = world.hold(`${world.issuer.origin}/token`);
  return () => {
    world.issuer.answer("token", undefined);
    for (const answer of waiting) answer();
    release();
  };
}

faults("Clocks", [
  {
    name: "set forward by an hour",
    sees: "a new token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      world.clock.jump(hour);
      const tokens = await world.until(
        Promise.all(Array.from({ length: 20 }, () => manager.getAccessToken())),
      );
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(first);
      expect(requests()).toBe(1);
    },
  },
  {
    name: "set back by an hour, with a call just before",
    sees: "its token, until that has lived its time by the clock of the server",
    requests: "1, when it was due",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      await world.clock.skip(minute);
      expect(await manager.getAccessToken()).toBe(first);
      world.clock.jump(-hour);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(420 * second - minute - 1);
      expect(requests()).toBe(0);
      await world.clock.skip(minute);
      expect(requests()).toBe(1);
      expect(await manager.getAccessToken()).not.toBe(first);
    },
  },
  {
    name: "set back to before the token was asked for",
    sees: "its token",
    requests: "1, when it was due",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      world.clock.jump(-day);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(8 * minute);
      expect(requests()).toBe(1);
      expect(await manager.getAccessToken()).not.toBe(first);
    },
  },
  {
    name: "set back by an hour during a cool-down",
    sees: "a token",
    requests: "1",
    recovery: "the next call",
    async run(world) {
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { error: "invalid_client" }, 401),
      );
      const manager = await world.manager();
      await world.failure(manager.getAccessToken());
      world.issuer.answer("token", undefined);
      world.clock.jump(-hour);
      const calls = world.issuer.calls;
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
      expect(world.issuer.calls - calls).toBe(1);
    },
  },
  {
    name: "set back by an hour while a server wants to be left alone for two minutes",
    sees: "a token",
    requests: "1",
    recovery: "the next call",
    async run(world) {
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, {}, 503, { "retry-after": "120" }),
      );
      const manager = await world.manager();
      expect((await world.failure(manager.getAccessToken())).retryAfter).toBe(120 * second);
      world.issuer.answer("token", undefined);
      world.clock.jump(-hour);
      const calls = world.issuer.calls;
      expect(world.issuer.calls).toBe(calls);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
    },
  },
  {
    name: "a machine that slept for a day",
    sees: "a new token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      world.clock.jump(day);
      const tokens = await world.until(
        Promise.all(Array.from({ length: 20 }, () => manager.getAccessToken())),
      );
      expect(new Set(tokens).size).toBe(1);
      expect(tokens[0]).not.toBe(first);
      expect(requests()).toBe(1);
      await world.clock.skip(minute);
      expect(requests()).toBe(1);
    },
  },
  {
    name: "a machine that slept for a day, with a schedule of every minute",
    sees: "a new token",
    requests: "1: ticks that were missed are left out",
    recovery: "in the same call",
    async run(world) {
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, refresh: { jitter: 0, schedule: "* * * * *" } } } };
      const manager = (await world.runtime<"tools">({ config })).resolve("tools");
      await world.until(manager.getAccessToken());
      const calls = world.issuer.calls;
      world.clock.jump(day);
      await world.until(manager.getAccessToken());
      await world.clock.skip(5 * minute);
      expect(world.issuer.calls - calls).toBe(1);
    },
  },
  {
    name: "set forward by a day in the middle of a token request",
    sees: "the token that comes, and then another",
    requests: "2",
    recovery: "the next call",
    async run(world) {
      const manager = await world.manager();
      const answer = held(world);
      const waiting = manager.getAccessToken();
      await world.issuer.received(world.issuer.requests.length + 2);
      world.clock.jump(day);
      answer();
      expect(world.issued).toContain(await world.until(waiting));
      const calls = world.issuer.calls;
      const token = await world.until(manager.getAccessToken());
      expect(token).toBe(world.issued.at(-1));
      expect(world.issuer.calls - calls).toBe(1);
    },
  },
  {
    name: "set forward by a month, with a token of ten years",
    sees: "its token",
    requests: "0",
    recovery: "none needed",
    async run(world) {
      world.issuer.lifetime = 315_360_000;
      const { manager, first, requests } = await supplied(world);
      world.clock.jump(30 * day);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(hour);
      expect(requests()).toBe(0);
    },
  },
  {
    name: "it stands still",
    sees: "its token",
    requests: "0",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      for (let calls = 0; calls < 100; calls += 1) expect(await manager.getAccessToken()).toBe(first);
      expect(requests()).toBe(0);
    },
  },
  {
    name: "the server's is an hour ahead of ours, in a JWT without `expires_in`",
    sees: "a token that lives as long as the JWT says",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const iat = Math.floor((world.clock.now() + hour) / second);
      const claims = Buffer.from(JSON.stringify({ iat, exp: iat + 900 })).toString("base64url");
      const access_token = `e30.${claims}.c2ln`;
      world.issuer.answer("token", (_request, response) =>
        sendJson(response, { access_token, token_type: "Bearer" }),
      );
      const manager = await world.manager();
      const now = world.clock.now();
      expect((await world.until(manager.getToken())).expiresAt - now).toBe(900 * second);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "set forward by an hour in a pause between two attempts",
    sees: "`unavailable`, whose deadline has passed",
    requests: "1",
    recovery: "1 s",
    async run(world) {
      world.issuer.answer("token", (_request, response) => {
        world.clock.jump(hour);
        sendJson(response, {}, 503);
      });
      const manager = await world.manager();
      expect((await world.failure(manager.getAccessToken())).code).toBe("unavailable");
      expect(world.issuer.calls).toBe(1);
      world.issuer.answer("token", undefined);
      await world.clock.skip(second);
      const token = await world.until(manager.getAccessToken());
      expect(world.issued).toContain(token);
    },
  },
  {
    name: "the event loop is blocked until after the token has expired",
    sees: "a new token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { manager, first, requests } = await supplied(world);
      world.clock.stall(hour);
      const token = await world.until(manager.getAccessToken());
      expect(token).not.toBe(first);
      await world.clock.skip(0);
      expect(requests()).toBe(1);
    },
  },
]);

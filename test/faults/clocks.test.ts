import { expect } from "vitest";
import { sendJson } from "../support/http-server.js";
import { faults } from "./fault.js";
import type { FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A manager with a first token that lives 600 s, and a function that counts the token requests after it. */
async function withFirstToken(world: FaultWorld) {
  const manager = await world.manager();
  const first = await world.until(manager.getAccessToken());
  const calls = world.issuer.calls;
  return { manager, first, requests: () => world.issuer.calls - calls };
}

/** Holds all token requests until the returned function is called. */
function holdTokenRequests(world: FaultWorld): () => void {
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
    name: "our clock is set forward by an hour",
    sees: "a new token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { manager, first, requests } = await withFirstToken(world);
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
    name: "our clock is set back by an hour, just after a call",
    sees: "its token, until the token's lifetime has passed by the server's clock",
    requests: "1, when the renewal was due",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await withFirstToken(world);
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
    name: "our clock is set back to before the token request",
    sees: "its token",
    requests: "1, when the renewal was due",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await withFirstToken(world);
      world.clock.jump(-day);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(8 * minute);
      expect(requests()).toBe(1);
      expect(await manager.getAccessToken()).not.toBe(first);
    },
  },
  {
    name: "our clock is set back by an hour during a cool-down",
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
    name: "our clock is set back by an hour during a `Retry-After` of two minutes",
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
    name: "the machine slept for a day",
    sees: "a new token",
    requests: "1",
    recovery: "in the same call",
    async run(world) {
      const { manager, first, requests } = await withFirstToken(world);
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
    name: "the machine slept for a day, with a schedule that ticks every minute",
    sees: "a new token",
    requests: "1; missed ticks are skipped",
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
    name: "our clock is set forward by a day during a token request",
    sees: "the requested token, and then another one",
    requests: "2",
    recovery: "the next call",
    async run(world) {
      const manager = await world.manager();
      const answer = holdTokenRequests(world);
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
    name: "our clock is set forward by a month, with a token that lives ten years",
    sees: "its token",
    requests: "0",
    recovery: "none needed",
    async run(world) {
      world.issuer.lifetime = 315_360_000;
      const { manager, first, requests } = await withFirstToken(world);
      world.clock.jump(30 * day);
      expect(await manager.getAccessToken()).toBe(first);
      await world.clock.skip(hour);
      expect(requests()).toBe(0);
    },
  },
  {
    name: "our clock stands still",
    sees: "its token",
    requests: "0",
    recovery: "none needed",
    async run(world) {
      const { manager, first, requests } = await withFirstToken(world);
      for (let calls = 0; calls < 100; calls += 1) expect(await manager.getAccessToken()).toBe(first);
      expect(requests()).toBe(0);
    },
  },
  {
    name: "the server's clock is an hour ahead of ours, the token is a JWT, and the response has no `expires_in`",
    sees: "a token with the lifetime in the JWT",
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
    name: "our clock is set forward by an hour between two attempts",
    sees: "`unavailable`, because the deadline has passed",
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
      const { manager, first, requests } = await withFirstToken(world);
      world.clock.stall(hour);
      const token = await world.until(manager.getAccessToken());
      expect(token).not.toBe(first);
      await world.clock.skip(0);
      expect(requests()).toBe(1);
    },
  },
]);

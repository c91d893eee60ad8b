// The lifetime of tokens in token responses: group Token responses.
import { expect } from "vitest";
import { body } from "./bad-answers.js";
import { type AuthorizationFault, authorizationFaults, type Fault, faults } from "./fault.js";
import { answerWith, hasWarned, type Members, usable } from "./token-answers.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const tenYears = 315_360_000;
/** The default of `refresh.assumedLifetime`, in seconds. */
const assumedLifetime = 300;

/** Checks the lifetime of the token in seconds, and whether there was a warning. */
function hasLifetime(seconds: number, warned: boolean): (world: AuthorizationWorld) => Promise<void> {
  return async (world) => {
    const manager = await world.manager();
    const { requestedAt, expiresAt } = await manager.getToken();
    expect(expiresAt - requestedAt).toBe(seconds * second);
    expect(hasWarned(world)).toBe(warned);
  };
}

/** A response with a lifetime, in any form. */
function withLifetime(name: string, expires_in: unknown, seconds: number): AuthorizationFault {
  const named = `${name}: it counts as ${seconds.toLocaleString("en")} s`;
  return usable(named, { expires_in }, { check: hasLifetime(seconds, false) });
}

/** A response without a usable lifetime, which causes a warning. */
function withoutLifetime(name: string, expires_in: unknown): AuthorizationFault {
  const named = `${name}: it counts as ${assumedLifetime} s, with a warning`;
  return usable(named, { expires_in }, { check: hasLifetime(assumedLifetime, true) });
}

const infinite = "larger than any number (1e999)";

authorizationFaults("Token responses", [
  withoutLifetime("no `expires_in`", undefined),
  withoutLifetime("`expires_in` is null", null),
  withoutLifetime("`expires_in` is a word", "abc"),
  withoutLifetime("`expires_in` is the string `NaN`", "NaN"),
  withoutLifetime("`expires_in` is an empty string", ""),
  withoutLifetime("`expires_in` is an object", { seconds: 600 }),
  withoutLifetime("`expires_in` is true", true),
  withLifetime("`expires_in` is a string of digits", "3600", 3_600),
  withLifetime("`expires_in` is a string with a fraction", "3599.5", 3_599.5),
  withLifetime("`expires_in` is a fraction", 3_599.9, 3_599.9),
  withLifetime("`expires_in` is huge (1e300)", 1e300, tenYears),
  withLifetime("`expires_in` is 2^53", 2 ** 53, tenYears),
  withLifetime("`expires_in` is a point in time instead of a duration", 1_800_000_000, tenYears),
  {
    ...withLifetime(`\`expires_in\` is ${infinite}`, undefined, tenYears),
    start: (world) =>
      world.issuer.answer("token", (request, response) => {
        const text = `{"access_token":"${world.issue()}","token_type":"Bearer","expires_in":1e999}`;
        body(() => text)(world, response, request);
      }),
  },
]);

/** Calls at this interval for this time. No call may fail. Returns the tokens and the number of token requests. */
async function callFor(world: FaultWorld, every: number, length: number) {
  const manager = await world.manager();
  const before = world.issuer.calls;
  const tokens = new Set<string>();
  for (const end = world.clock.now() + length; world.clock.now() < end; ) {
    tokens.add(await world.until(manager.getAccessToken()));
    await world.clock.skip(every);
  }
  return { tokens, requests: world.issuer.calls - before };
}

/** A token that is usable for this number of milliseconds. The callers who waited for it get it in any case. */
function brief(name: string, expires_in: number, usableFor: number): Fault {
  return {
    name,
    sees: "the token, for all callers who waited for it",
    requests: `1, and 1 for each call ${usableFor === 0 ? "" : `${usableFor} ms `}later`,
    recovery: "the next call",
    async run(world) {
      answerWith(world, () => ({ expires_in }));
      const manager = await world.manager();
      const all = Array.from({ length: 10 }, () => manager.getAccessToken());
      const tokens = new Set(await world.until(Promise.all(all)));
      expect([...tokens]).toEqual(world.issued);
      expect(world.issuer.calls).toBe(1);
      expect(hasWarned(world)).toBe(usableFor === 0);
      if (usableFor > 0) {
        await world.clock.skip(usableFor - 1);
        expect(await world.until(manager.getAccessToken())).toBe(world.issued[0]);
        await world.clock.skip(1);
      }
      // Without calls there is no renewal: the token would have expired before the next call anyway.
      await world.clock.skip(minute);
      expect(world.issuer.calls).toBe(1);
      expect(await world.until(manager.getAccessToken())).toBe(world.issued[1]);
      expect(world.issuer.calls).toBe(2);
    },
  };
}

/** A JWT with these claims. Its signature is the canary. */
function jwt(
  name: string,
  sees: string,
  claims: Members,
  members: Members,
  seconds: number,
  warned: boolean,
): Fault {
  return {
    name,
    sees,
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const payload = Buffer.from(JSON.stringify(claims)).toString("base64url");
      const access_token = `e30.${payload}.${world.canary}`;
      answerWith(world, () => ({ access_token, ...members }));
      const manager = await world.manager();
      const token = await world.until(manager.getToken());
      expect(token.accessToken).toBe(access_token);
      expect(token.expiresAt - token.requestedAt).toBe(seconds * second);
      expect(hasWarned(world)).toBe(warned);
      expect(await manager.getAccessToken()).toBe(access_token);
      expect(world.issuer.calls).toBe(1);
    },
  };
}

const noLifetime = { expires_in: undefined };

faults("Token responses", [
  brief("`expires_in` is zero", 0, 0),
  brief("`expires_in` is negative", -600, 0),
  brief("`expires_in` is half a second", 0.5, 450),
  {
    name: "`expires_in` is one second, with ten calls per second for a minute",
    sees: "a token, in each of 600 calls",
    requests: "67, one every 0.9 s as long as there are calls",
    recovery: "none needed",
    async run(world) {
      answerWith(world, () => ({ expires_in: 1 }));
      const { requests } = await callFor(world, 100, minute);
      expect(requests).toBe(67);
      await world.clock.skip(minute);
      expect(world.issuer.calls).toBe(67);
    },
  },
  {
    name: "`expires_in` is two seconds, without calls for a minute",
    sees: "a token, at once, in the next call",
    requests: "46, one every 1.3 s",
    recovery: "none needed",
    async run(world) {
      answerWith(world, () => ({ expires_in: 2 }));
      const manager = await world.manager();
      await world.until(manager.getAccessToken());
      await world.clock.skip(minute);
      expect(world.issuer.calls - 1).toBe(46);
      expect(await manager.getAccessToken()).toBe(world.issued.at(-1));
    },
  },
  {
    name: "each renewal returns the same token with the full lifetime",
    sees: "the token",
    requests: "9 in an hour of calls, as for new tokens that live ten minutes",
    recovery: "none needed",
    async run(world) {
      const access_token = world.issue(tenYears);
      answerWith(world, () => ({ access_token }));
      const { tokens, requests } = await callFor(world, 10 * second, hour);
      expect([...tokens]).toEqual([access_token]);
      expect(requests).toBe(9);
    },
  },
  {
    name: "each renewal returns the same token with its remaining lifetime, until it has expired",
    sees: "the token, and then the next one",
    requests: "7 in the ten minutes of its lifetime",
    recovery: "with the next token",
    async run(world) {
      const begun = world.clock.now();
      const lifetime = 600 * second;
      const tokens: string[] = [];
      answerWith(world, () => {
        const age = world.clock.now() - begun;
        if (tokens.length <= age / lifetime) tokens.push(world.issue());
        return { access_token: tokens.at(-1), expires_in: (lifetime - (age % lifetime)) / second };
      });
      const life = await callFor(world, second, 10 * minute);
      expect([...life.tokens]).toEqual([tokens[0]]);
      expect(life.requests).toBe(7);
      const next = await callFor(world, 10 * second, 50 * minute);
      expect([...next.tokens]).toEqual(tokens.slice(1, 6));
      expect(next.requests).toBe(35);
    },
  },
  {
    name: "each token expires one second earlier than the previous one, until tokens have expired on arrival",
    sees: "a token",
    requests: "12 in the ten minutes of the first token's lifetime; then 1 for each call",
    recovery: "the next call",
    async run(world) {
      const end = world.clock.now() + 600 * second;
      let earlier = 0;
      answerWith(world, () => {
        const expires_in = (end - earlier - world.clock.now()) / second;
        earlier += second;
        return { expires_in };
      });
      const { requests } = await callFor(world, second, 10 * minute);
      expect(requests).toBe(12);
      expect((await callFor(world, 10 * second, 10 * minute)).requests).toBe(60);
      world.issuer.answer("token", undefined);
      expect((await callFor(world, 10 * second, 6 * minute)).requests).toBe(1);
    },
  },
  {
    name: "each token lives seven minutes less than the previous one, down to one minute",
    sees: "a token",
    requests: "84 in four hours of calls, one every 39 s in the end",
    recovery: "none needed",
    async run(world) {
      let lifetime = 3_600;
      answerWith(world, () => {
        lifetime = Math.max(lifetime - 420, 60);
        return { expires_in: lifetime };
      });
      const { requests } = await callFor(world, 10 * second, 4 * hour);
      expect(requests).toBe(84);
    },
  },
  {
    name: "renewals return tokens that have expired on arrival, while the current token is usable",
    sees: "the current token, as long as it is usable",
    requests: "5 in half a minute, after 0, 1, 3, 7 and 15 s",
    recovery: "with the next renewal, without calls",
    async run(world) {
      const manager = await world.manager();
      const first = await world.until(manager.getAccessToken());
      await world.clock.skip(420 * second - 1);
      answerWith(world, () => ({ expires_in: 0 }));
      const { tokens, requests } = await callFor(world, second, 30 * second);
      expect([...tokens]).toEqual([first]);
      expect(requests).toBe(5);
      world.issuer.answer("token", undefined);
      await world.clock.skip(32 * second);
      expect(world.issuer.calls - 1).toBe(requests + 1);
      expect(await manager.getAccessToken()).toBe(world.issued.at(-1));
    },
  },
  {
    name: "`expires_in` is ten years, which is longer than any timer",
    sees: "its token",
    requests: "1 in sixty days, and no timer longer than 24.8 days",
    recovery: "none needed",
    async run(world) {
      answerWith(world, () => ({ expires_in: tenYears }));
      const delays: number[] = [];
      const clock = {
        now: () => world.clock.now(),
        setTimeout(callback: () => void, milliseconds: number) {
          delays.push(milliseconds);
          return world.clock.setTimeout(callback, milliseconds);
        },
      };
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, refresh: { jitter: 0, idle: "87600h" } } } };
      const manager = (await world.runtime<"tools">({ config, clock })).resolve("tools");
      const token = await world.until(manager.getAccessToken());
      await world.clock.skip(60 * day);
      expect(await manager.getAccessToken()).toBe(token);
      expect(manager.status().state).toBe("fresh");
      expect(world.issuer.calls).toBe(1);
      expect(delays.length).toBeLessThan(200);
      expect(Math.max(...delays)).toBeLessThan(2 ** 31);
    },
  },
  jwt(
    "a JWT that has a lifetime, in a response without `expires_in`",
    "a token with the lifetime in the JWT",
    { iat: 1_000, exp: 1_900 },
    noLifetime,
    900,
    false,
  ),
  jwt(
    "a JWT whose `exp` is in the past, in a response with `expires_in`",
    "a token with the lifetime in the response",
    { iat: 1, exp: 2 },
    {},
    600,
    false,
  ),
  jwt(
    "a JWT whose `exp` is in the past, in a response without `expires_in`",
    "a token with the lifetime `exp` minus `iat`",
    { iat: 1_000, exp: 1_120 },
    noLifetime,
    120,
    false,
  ),
  jwt(
    "a JWT whose `exp` is before its `iat`, in a response without `expires_in`",
    `a token that counts as living ${assumedLifetime} s, with a warning`,
    { iat: 1_900, exp: 1_000 },
    noLifetime,
    assumedLifetime,
    true,
  ),
  jwt(
    "a JWT without `iat`, in a response without `expires_in`",
    `a token that counts as living ${assumedLifetime} s, with a warning`,
    { exp: 1_000 },
    noLifetime,
    assumedLifetime,
    true,
  ),
  jwt(
    "a JWT whose `exp` is not a number, in a response without `expires_in`",
    `a token that counts as living ${assumedLifetime} s, with a warning`,
    { iat: 1_000, exp: "1900" },
    noLifetime,
    assumedLifetime,
    true,
  ),
]);

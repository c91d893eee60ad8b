import { expect } from "vitest";
import { type Answer, answered } from "./bad-answers.js";
import { type AuthorizationFault, authorizationFaults, faults } from "./fault.js";
import type { AuthorizationWorld, FaultWorld } from "./world.js";

const second = 1_000;
const minute = 60 * second;

const unusable = { sees: "token_response_invalid", requests: 1 } as const;
const granted = { sees: "a token", requests: 1 } as const;

type Members = Readonly<Record<string, unknown>>;

/** A good answer, but for these members; `undefined` leaves one out. */
function answer(change: Members | ((world: AuthorizationWorld) => Members)): Answer {
  return (world, response) => {
    const { lifetime } = world.issuer;
    const good = { access_token: world.issue(), token_type: "Bearer", expires_in: lifetime };
    const changed = typeof change === "function" ? change(world) : change;
    response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ ...good, ...changed }));
  };
}

const bad = (name: string, change: Parameters<typeof answer>[0]): AuthorizationFault =>
  answered({ name, ...unusable }, answer(change));
const good = (
  name: string,
  change: Parameters<typeof answer>[0],
  more: Partial<AuthorizationFault> = {},
): AuthorizationFault => answered({ name, ...granted, ...more }, answer(change));

authorizationFaults("Token responses", [
  bad("no `access_token`", { access_token: undefined }),
  bad("`access_token` is null", { access_token: null }),
  bad("`access_token` is a number", { access_token: 12_345 }),
  bad("`access_token` is an object", ({ canary }) => ({ access_token: { value: canary } })),
  bad("`access_token` is a list", ({ canary }) => ({ access_token: [canary] })),
  bad("`access_token` is empty", { access_token: "" }),
  bad("`access_token` has a line break", ({ canary }) => ({ access_token: `${canary}\r\nx-injected: 1` })),
  bad("`access_token` has a space", ({ canary }) => ({ access_token: `${canary} more` })),
  bad("`access_token` has characters beyond ASCII", ({ canary }) => ({ access_token: `${canary}é` })),
  bad("no `token_type`", { token_type: undefined }),
  bad("`token_type` is a number", { token_type: 1 }),
  bad("`token_type` is of another kind (`mac`)", { token_type: "mac" }),
  bad("`token_type` is `N_A`, which says that it is no access token", { token_type: "N_A" }),
  bad("`token_type` is `DPoP`, which nobody asked for", { token_type: "DPoP" }),
  good("`token_type` in small letters", { token_type: "bearer" }),
  good("`token_type` in capitals", { token_type: "BEARER" }),
  good("`expires_in` is a string of digits", { expires_in: "600" }),
  good("`expires_in` is a fraction", { expires_in: 599.9 }),
  good("fewer scopes than were asked for", { scope: "" }),
  good("scopes that nobody asked for", { scope: "a b admin" }),
  good("`scope` is a list", { scope: ["a", "b"] }),
  good("a stray `id_token`", ({ canary }) => ({ id_token: `e30.${canary}.c2ln` })),
  good("a `refresh_token`, which is left alone", ({ canary }) => ({ refresh_token: canary })),
  good("members that nobody knows", ({ canary }) => ({ [canary]: canary, __proto__: { access_token: "x" } })),
  good("an `error` beside a good token", ({ canary }) => ({ error: canary })),
]);

/** How many token requests calls make, one every second for so long, of which none fails. */
async function requestsOf(world: FaultWorld, length: number): Promise<number> {
  const manager = await world.manager();
  const before = world.issuer.calls;
  const end = world.clock.now() + length;
  while (world.clock.now() < end) {
    const token = await world.until(manager.getAccessToken());
    expect(typeof token).toBe("string");
    await world.clock.skip(second);
  }
  return world.issuer.calls - before;
}

function answerWith(world: FaultWorld, members: () => Members): void {
  world.issuer.answer("token", (_request, response) => {
    const all = { access_token: world.issue(), token_type: "Bearer", expires_in: 600, ...members() };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(all));
  });
}

/** A token that counts as one of so many seconds. */
function lives(name: string, expires_in: unknown, seconds: number) {
  return {
    name,
    sees: `a token that counts as one of ${seconds} s`,
    requests: "1",
    recovery: "none needed",
    async run(world: FaultWorld): Promise<void> {
      answerWith(world, () => ({ expires_in }));
      const manager = await world.manager();
      const now = world.clock.now();
      const token = await world.until(manager.getToken());
      expect(token.expiresAt - now).toBe(seconds * second);
      expect(world.issuer.calls).toBe(1);
    },
  };
}

/** One that has expired when it comes: whoever waited gets it, and nobody after them. */
function expired(name: string, expires_in: number) {
  return {
    name,
    sees: "the token, for those who waited for it",
    requests: "one for each call that comes later",
    recovery: "the next call",
    async run(world: FaultWorld): Promise<void> {
      answerWith(world, () => ({ expires_in }));
      const manager = await world.manager();
      const both = await world.until(Promise.all([manager.getAccessToken(), manager.getAccessToken()]));
      expect(new Set(both).size).toBe(1);
      expect(world.issuer.calls).toBe(1);
      await world.clock.skip(minute);
      expect(world.issuer.calls).toBe(1);
      await world.until(manager.getAccessToken());
      expect(world.issuer.calls).toBe(2);
    },
  };
}

const ten = 315_360_000;

faults("Token responses", [
  lives("no `expires_in`", undefined, 300),
  lives("`expires_in` is null", null, 300),
  lives("`expires_in` is a word", "soon", 300),
  lives("`expires_in` is an object", { seconds: 600 }, 300),
  lives("`expires_in` is half a second more than ten", 10.5, 10.5),
  lives("`expires_in` is huge (1e300)", 1e300, ten),
  lives("`expires_in` is 2^53", 2 ** 53, ten),
  lives("`expires_in` is ten years", ten, ten),
  expired("`expires_in` is zero", 0),
  expired("`expires_in` is negative", -600),
  {
    name: "`expires_in` is one second, again and again",
    sees: "a token",
    requests: "one a second at the most",
    recovery: "none needed",
    async run(world) {
      answerWith(world, () => ({ expires_in: 1 }));
      expect(await requestsOf(world, minute)).toBeLessThanOrEqual(62);
    },
  },
  {
    name: "the same token until it expires, however often it is asked for",
    sees: "the token",
    requests: "fewer than 20 in the ten minutes of its life",
    recovery: "at its end, with the next one",
    async run(world) {
      const begun = world.clock.now();
      const lifetime = 600 * second;
      const tokens = new Map<number, string>();
      answerWith(world, () => {
        const age = world.clock.now() - begun;
        const number = Math.floor(age / lifetime);
        const token = tokens.get(number) ?? world.issue();
        tokens.set(number, token);
        return { access_token: token, expires_in: (lifetime - (age % lifetime)) / second };
      });
      expect(await requestsOf(world, 60 * minute)).toBeLessThan(6 * 20);
    },
  },
  {
    name: "each token expires earlier than the one before",
    sees: "a token",
    requests: "fewer than two a minute",
    recovery: "none needed",
    async run(world) {
      const end = world.clock.now() + 60 * minute;
      let lifetime = 3_600;
      answerWith(world, () => {
        lifetime = Math.max(lifetime - 420, 60);
        return { expires_in: lifetime };
      });
      expect(await requestsOf(world, end - world.clock.now())).toBeLessThan(120);
    },
  },
  {
    name: "one token that has expired when it comes, in the place of a good one",
    sees: "the good one, as long as it is usable",
    requests: "no more than for a failed renewal",
    recovery: "with the next renewal",
    async run(world) {
      const manager = await world.manager();
      const first = await world.until(manager.getAccessToken());
      await world.clock.skip(419 * second);
      answerWith(world, () => ({ expires_in: 0 }));
      const calls = world.issuer.calls;
      await world.clock.skip(30 * second);
      expect(await manager.getAccessToken()).toBe(first);
      expect(world.issuer.calls - calls).toBeLessThan(10);
      world.issuer.answer("token", undefined);
      await world.clock.skip(30 * second);
      expect(await manager.getAccessToken()).not.toBe(first);
    },
  },
  {
    name: "a JWT says of itself how long it lives, and the answer does not",
    sees: "a token that lives as long as it says",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const claims = Buffer.from(JSON.stringify({ iat: 1_000, exp: 1_900 })).toString("base64url");
      answerWith(world, () => ({ access_token: `e30.${claims}.c2ln`, expires_in: undefined }));
      const manager = await world.manager();
      const now = world.clock.now();
      expect((await world.until(manager.getToken())).expiresAt - now).toBe(900 * second);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "a JWT that expired long ago by its own claims, with a good `expires_in`",
    sees: "the token, by what the answer says",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const claims = Buffer.from(JSON.stringify({ iat: 1, exp: 2 })).toString("base64url");
      answerWith(world, () => ({ access_token: `e30.${claims}.c2ln` }));
      const manager = await world.manager();
      const now = world.clock.now();
      expect((await world.until(manager.getToken())).expiresAt - now).toBe(600 * second);
      expect(world.issuer.calls).toBe(1);
    },
  },
  {
    name: "`access_token` of 100 kB",
    sees: "a token",
    requests: "1",
    recovery: "none needed",
    async run(world) {
      const long = `${world.issue()}${"x".repeat(100_000)}`;
      answerWith(world, () => ({ access_token: long }));
      const manager = await world.manager();
      expect(await world.until(manager.getAccessToken())).toBe(long);
      expect(world.issuer.calls).toBe(1);
    },
  },
]);

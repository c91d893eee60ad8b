import { describe, expect, test } from "vitest";
import { grantSource } from "../../../src/tokens/grant-source.js";
import { jwtLifetime } from "../../../src/tokens/jwt-lifetime.js";
import { RetryAfterRegistry } from "../../../src/tokens/retry-after-registry.js";
import { SingleFlight } from "../../../src/tokens/single-flight.js";
import type { TokenRequest } from "../../../src/tokens/source.js";
import type { TokenEvent, TokenEventName } from "../../../src/tokens/token-event.js";
import { withEvents } from "../../../src/tokens/with-events.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";
import { issued, issuer, outage, prepared, server, token } from "./fixtures.js";

const request: TokenRequest = { reason: "demand", signal: new AbortController().signal, attempt: 1 };

function parts() {
  const clock = fakeClock();
  const events: (TokenEvent & { name: TokenEventName })[] = [];
  const report = (name: TokenEventName, event: TokenEvent) => void events.push({ name, ...event });
  return { clock, events, common: { server, issuer, clock, report } };
}

const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;

describe("grantSource", () => {
  test.each([
    [
      "the response, before the claims of the JWT",
      { expiresIn: 100, accessToken: jwt({ iat: 10, exp: 70 }) },
      100_000,
    ],
    ["the claims of the JWT, whatever the local time", { accessToken: jwt({ iat: 10, exp: 70 }) }, 60_000],
    ["the assumed lifetime, with a warning, if it has none", { accessToken: "opaque" }, 300_000],
  ])("a token takes its lifetime from %s, counted from the request", async (_, fields, lifetime) => {
    const { common, clock, events } = parts();
    const requestedAt = clock.now() - 2_000;
    const { expiresIn: _none, ...plain } = issued({ requestedAt });
    const source = grantSource(
      prepared(async () => ({ ...plain, ...fields })),
      {
        ...common,
        assumedLifetime: 300_000,
      },
    );
    const got = await source.getToken(request);
    expect(got.requestedAt).toBe(requestedAt);
    expect(got.expiresAt).toBe(requestedAt + lifetime);
    const message =
      'Server "billing": the token response does not say how long the token lives, so 300 s are assumed. Set ' +
      '"assumedLifetime" under "refresh" if you know better.';
    expect(events).toMatchObject(lifetime === 300_000 ? [{ name: "token:warning", message }] : []);
  });

  test.each([
    ["the expiry in its claims, which precedes the config", jwt({ exp: 1_767_225_700 }), 100, 100_000],
    ["no lifetime if it had expired before it was read", jwt({ exp: 1_767_225_500 }), 100, 0],
    ["the lifetime of the config if it is opaque", "opaque", 100, 100_000],
  ])("a static token gets %s", async (_, accessToken, expiresIn, lifetime) => {
    const { common, clock, events } = parts();
    const requestedAt = clock.now();
    expect(requestedAt).toBe(1_767_225_600_000);
    const { issuer: _none, ...plain } = issued({ requestedAt, accessToken, expiresIn });
    const grant = async () => plain;
    const source = grantSource(prepared(grant), { ...common, issuer: undefined, assumedLifetime: 300_000 });
    expect((await source.getToken(request)).expiresAt).toBe(requestedAt + lifetime);
    const expired =
      'Server "billing": its static token has expired. Replace it where the config reads it from.';
    expect(events.map(({ message }) => message)).toEqual(lifetime === 0 ? [expired] : []);
  });

  test("a static token without a lifetime is reported as a warning that says how to set one", async () => {
    const { common, events } = parts();
    const { issuer: _none, expiresIn: _unknown, ...plain } = issued({ accessToken: "opaque" });
    const grant = async () => plain;
    const source = grantSource(prepared(grant), { ...common, issuer: undefined, assumedLifetime: 300_000 });
    await source.getToken(request);
    expect(events.map(({ message }) => message)).toEqual([
      'Server "billing": its static token does not say how long it lives, so 300 s are assumed. Set the grant\'s "lifetime" ' +
        "if you know better.",
    ]);
  });

  test("`expires_in` of 0 counts as no lifetime, not as an unknown one, and is reported as a warning", async () => {
    const { common, clock, events } = parts();
    const grant = async () => issued({ requestedAt: clock.now(), expiresIn: 0 });
    const got = await grantSource(prepared(grant), { ...common, assumedLifetime: 300_000 }).getToken(request);
    expect(got.expiresAt).toBe(clock.now());
    const message = expect.stringContaining("so every call requests another one");
    expect(events).toMatchObject([{ name: "token:warning", expiresAt: clock.now(), message }]);
  });

  test("an infinite lifetime is capped, so that times remain finite", async () => {
    const { common, clock } = parts();
    const grant = async () => issued({ requestedAt: clock.now(), expiresIn: Number.POSITIVE_INFINITY });
    const got = await grantSource(prepared(grant), { ...common, assumedLifetime: 1 }).getToken(request);
    expect(got.expiresAt - clock.now()).toBe(315_360_000_000);
  });

  test("an abort ends the wait for a grant that ignores its signal", async () => {
    const { common } = parts();
    const stop = new AbortController();
    const source = grantSource(
      prepared(() => new Promise(() => {})),
      { ...common, assumedLifetime: 1 },
    );
    const outcome = rejectionOf(source.getToken({ ...request, signal: stop.signal }));
    stop.abort();
    expect((await outcome).code).toBe("aborted");
  });
});

test.each([
  ["an opaque token", "opaque", undefined],
  ["a JWT", jwt({ iat: 100, exp: 3_700 }), 3_600_000],
  ["one without iat", jwt({ exp: 3_700 }), undefined],
  ["one that ends before it begins", jwt({ iat: 200, exp: 100 }), undefined],
  ["one with claims of another type", jwt({ iat: "1", exp: "2" }), undefined],
  ["one whose payload is a list", `e30.${Buffer.from("[1]").toString("base64url")}.c2ln`, undefined],
  ["one whose payload is null", `e30.${Buffer.from("null").toString("base64url")}.c2ln`, undefined],
  [
    "one with an infinite exp",
    `e30.${Buffer.from('{"iat":0,"exp":1e999}').toString("base64url")}.c2ln`,
    315_360_000_000,
  ],
  ["one that is too long to parse", `${jwt({ iat: 1, exp: 61, x: "x".repeat(70_000) })}`, undefined],
  ["one of three parts that is not a JWT", "a.b.c", undefined],
  ["one of five parts", `${jwt({ iat: 1, exp: 2 })}.x.y`, undefined],
])("jwtLifetime() returns the lifetime of a token, if it has one: %s", (_, accessToken, lifetime) => {
  expect(jwtLifetime(accessToken)).toBe(lifetime);
});

describe("withEvents", () => {
  test("withEvents reports each attempt with its duration and number", async () => {
    const { common, clock, events } = parts();
    const outcomes = [outage(), token({ requestedAt: 0, expiresAt: 99 })];
    const source = withEvents(
      {
        async getToken() {
          await clock.advance(25);
          const outcome = outcomes.shift();
          if (outcome === undefined || outcome instanceof Error) throw outcome;
          return outcome;
        },
      },
      common,
    );
    await rejectionOf(source.getToken(request));
    await source.getToken({ ...request, attempt: 2, reason: "expiry" });
    expect(events).toEqual([
      {
        name: "token:failed",
        server,
        issuer,
        reason: "demand",
        attempt: 1,
        durationMs: 25,
        code: "unavailable",
        message: 'Server "billing": unavailable.',
      },
      { name: "token:renewed", server, issuer, reason: "expiry", attempt: 2, durationMs: 25, expiresAt: 99 },
    ]);
  });

  test("withEvents does not report a canceled attempt", async () => {
    const { common, events } = parts();
    const source = withEvents({ getToken: () => Promise.reject(outage()) }, common);
    await rejectionOf(source.getToken({ ...request, signal: AbortSignal.abort() }));
    expect(events).toEqual([]);
  });
});

test("single flight: a caller during a request shares it, a caller after it sends another", async () => {
  let requestCount = 0;
  const source = new SingleFlight({
    async getToken() {
      requestCount += 1;
      if (requestCount === 1) throw outage();
      return token({ requestedAt: 0, expiresAt: requestCount });
    },
  });
  const both = await Promise.allSettled([source.getToken(request), source.getToken(request)]);
  expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(requestCount).toBe(1);
  expect(source.inFlight).toBeUndefined();
  expect((await source.getToken(request)).expiresAt).toBe(2);
});

test("Retry-After: the longest hold of an issuer counts, and a token without an issuer has no hold", () => {
  const retryAfterRegistry = new RetryAfterRegistry();
  retryAfterRegistry.hold("https://a.example", 1_000, 4_000);
  retryAfterRegistry.hold("https://a.example", 1_000, 2_000);
  retryAfterRegistry.hold(undefined, 1_000, 9_000);
  expect(retryAfterRegistry.remaining("https://a.example", 1_000)).toBe(4_000);
  expect(retryAfterRegistry.remaining("https://b.example", 1_000)).toBe(0);
  expect(retryAfterRegistry.remaining(undefined, 1_000)).toBe(0);
  expect(retryAfterRegistry.remaining("https://a.example", 5_000)).toBe(0);
});

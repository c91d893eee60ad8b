import { getEventListeners } from "node:events";
import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freshFor, type Loaded, LookupCache } from "../../../src/discovery/lookup-cache.js";
import { MetadataCache } from "../../../src/discovery/metadata-cache.js";
import { fail, type Outcome, succeed } from "../../../src/net/failure.js";
import { deferred } from "../../support/deferred.js";
import { type FakeClock, fakeClock } from "../../support/fake-clock.js";
import { type HttpServer, sendJson, startHttpServer } from "../../support/http-server.js";
import { rejectionOf } from "../../support/rejection-of.js";

const minute = 60_000;
const hour = 60 * minute;

let server: HttpServer;
let clock: FakeClock;
let cache: MetadataCache;
let answer: (path: string, response: ServerResponse) => void;

beforeEach(async () => {
  server = await startHttpServer(({ url }, response) => answer(url, response));
  clock = fakeClock();
  cache = new MetadataCache({ fetch, clock });
  answer = good;
});
afterEach(() => server.close());

function good(path: string, response: ServerResponse, headers: Record<string, string> = {}): void {
  if (path === "/.well-known/oauth-authorization-server") {
    sendJson(response, { issuer: server.origin, token_endpoint: `${server.origin}/token` }, 200, headers);
  } else if (path.endsWith("/mcp") || path === "/elsewhere") {
    sendJson(
      response,
      { resource: `${server.origin}/mcp`, authorization_servers: [server.origin] },
      200,
      headers,
    );
  } else sendJson(response, {}, 404);
}

const request = (name = "billing", more: { signal?: AbortSignal } = {}) => ({
  server: name,
  timeout: 10_000,
  rules: { server: name, configured: [`${server.origin}/mcp`, server.origin] },
  ...more,
});
const issuer = (name?: string, more?: { signal?: AbortSignal }) =>
  cache.authorizationServer(server.origin, request(name, more));
const resource = async (resourceMetadataUrl?: string) => (await known(resourceMetadataUrl)).metadata;
const known = (resourceMetadataUrl?: string) =>
  cache.resource({
    ...request(),
    ...{ url: `${server.origin}/mcp`, issuer: server.origin, searchTimeout: 10_000 },
    ...(resourceMetadataUrl === undefined ? {} : { challenge: { resourceMetadataUrl } }),
  });

describe("MetadataCache.authorizationServer", () => {
  test("cached authorization server metadata is requested once while it is fresh, and again after that", async () => {
    answer = (path, response) => good(path, response, { "cache-control": "max-age=600" });
    await issuer();
    await clock.advance(600_000 - 1);
    await issuer();
    expect(server.requests).toHaveLength(1);
    await clock.advance(1);
    await issuer();
    expect(server.requests).toHaveLength(2);
  });

  test("authorization server metadata is requested once for concurrent callers", async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => issuer()));
    expect(server.requests).toHaveLength(1);
    expect(new Set(all).size).toBe(1);
    await Promise.all(Array.from({ length: 100 }, () => resource()));
    expect(server.requests).toHaveLength(2);
  });

  test("cached authorization server metadata is used when it is stale and the server fails, and is requested again a minute later", async () => {
    const first = await issuer();
    await clock.advance(hour);
    answer = (_path, response) => sendJson(response, {}, 503);
    expect(await issuer()).toBe(first);
    expect(await issuer()).toBe(first);
    expect(server.requests).toHaveLength(3);
    await clock.advance(minute);
    await server.close();
    expect(await issuer()).toBe(first);
  });

  test.each<[what: string, wrong: (response: ServerResponse) => void]>([
    [
      "another issuer",
      (response) => sendJson(response, { issuer: "https://other.example", token_endpoint: "x" }),
    ],
    ["a page", (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<p>")],
    ["nothing", (response) => sendJson(response, {}, 404)],
  ])(
    "cached authorization server metadata is used when it is stale and the server answers with %s instead",
    async (_what, wrong) => {
      const [first, own] = [await issuer(), await resource()];
      await clock.advance(hour);
      answer = (_path, response) => wrong(response);
      expect(await issuer()).toBe(first);
      expect(await resource()).toBe(own);
      const { requests } = server;
      const requestsBefore = requests.length;
      await Promise.all([issuer(), resource()]);
      expect(requests).toHaveLength(requestsBefore);
      answer = good;
      await clock.advance(minute);
      await Promise.all([issuer(), resource()]);
      expect(requests).toHaveLength(requestsBefore + 2);
    },
  );

  test("authorization server metadata is requested again by the next caller after a failure", async () => {
    answer = (_path, response) => sendJson(response, {}, 503);
    expect((await rejectionOf(issuer())).code).toBe("unavailable");
    const missing = known();
    while (!clock.pending.some(({ delay }) => delay === 250)) await clock.settle();
    await clock.advance(250);
    expect((await missing).missing).toMatchObject({ isAbsent: false, failure: { code: "unavailable" } });
    answer = good;
    expect((await issuer()).issuer).toBe(server.origin);
    expect((await resource())?.resource).toBe(`${server.origin}/mcp`);
  });

  test("cached authorization server metadata is requested again after the token endpoint turned out to be wrong", async () => {
    await issuer();
    cache.expireAuthorizationServer(server.origin);
    await issuer();
    expect(server.requests).toHaveLength(2);
  });

  test("each of several servers that share a failed metadata request gets an error with its own name", async () => {
    answer = (_path, response) => sendJson(response, {}, 503);
    const [one, two] = await Promise.all([rejectionOf(issuer("one")), rejectionOf(issuer("two"))]);
    expect(server.requests).toHaveLength(2);
    expect([one?.server, two?.server]).toEqual(["one", "two"]);
    expect(one?.message).toMatch(/^Server "one": /);
    expect(two?.message).toMatch(/^Server "two": /);
  });
});

describe("aborted metadata lookups", () => {
  test("a caller that aborts a metadata lookup does not end the shared request of the other callers", async () => {
    const held = deferred<ServerResponse>();
    answer = (_path, response) => held.resolve(response);
    const caller = new AbortController();
    const first = rejectionOf(issuer("one", { signal: caller.signal }));
    const second = issuer("two", { signal: new AbortController().signal });
    const response = await held.promise;
    caller.abort();
    expect(await first).toMatchObject({ code: "aborted", server: "one" });
    good("/.well-known/oauth-authorization-server", response);
    expect((await second).issuer).toBe(server.origin);
    expect(server.requests).toHaveLength(1);
  });

  test("a caller that aborts a metadata lookup leaves the result of its request to later callers", async () => {
    const held = deferred<ServerResponse>();
    answer = (_path, response) => held.resolve(response);
    const caller = new AbortController();
    const first = rejectionOf(issuer("one", { signal: caller.signal }));
    const response = await held.promise;
    caller.abort();
    await first;
    const second = issuer("two");
    good("/.well-known/oauth-authorization-server", response);
    await second;
    await issuer("three");
    expect(server.requests).toHaveLength(1);
  });

  test("a caller that aborts a metadata lookup does not change the timeout of the shared request", async () => {
    const held = deferred<ServerResponse>();
    answer = (_path, response) => held.resolve(response);
    const caller = new AbortController();
    const first = rejectionOf(issuer("one", { signal: caller.signal }));
    const second = rejectionOf(issuer("two"));
    await held.promise;
    caller.abort();
    await first;
    // The second location is requested when the first has used up its share of the timeout.
    await clock.advance(5_000);
    await server.received(2);
    await clock.advance(10_000);
    expect(await second).toMatchObject({ code: "unavailable", retryable: true, server: "two" });
    expect(clock.pending).toEqual([]);
  });

  test("a caller that aborts a metadata lookup leaves no listener on its signal", async () => {
    const { signal } = new AbortController();
    await issuer("billing", { signal });
    await issuer("billing", { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

describe("MetadataCache.resource", () => {
  const wellKnown = "/.well-known/oauth-protected-resource/mcp";

  test("resource metadata is not requested again for five minutes if the server publishes none", async () => {
    answer = (_path, response) => sendJson(response, {}, 404);
    expect(await resource()).toBeUndefined();
    await clock.advance(5 * minute - 1);
    expect(await resource()).toBeUndefined();
    expect(server.requests.map(({ url }) => url)).toEqual([
      wellKnown,
      "/.well-known/oauth-protected-resource",
    ]);
    await clock.advance(1);
    await resource();
    expect(server.requests).toHaveLength(4);
  });

  test("resource metadata is requested again, once, when a challenge names another URL", async () => {
    await resource();
    await resource(`${server.origin}/elsewhere`);
    await resource(`${server.origin}/elsewhere`);
    await resource();
    expect(server.requests.map(({ url }) => url)).toEqual([wellKnown, "/elsewhere"]);
  });

  test("resource metadata is not requested again when a challenge names the URL at which it was found", async () => {
    await resource();
    await resource(`${server.origin}${wellKnown}`);
    expect(server.requests).toHaveLength(1);
  });

  test("resource metadata is not requested repeatedly if it is not at the URL of a challenge", async () => {
    await resource(`${server.origin}/missing`);
    await resource(`${server.origin}/missing`);
    expect(server.requests.map(({ url }) => url)).toEqual(["/missing", wellKnown]);
  });

  test.each([
    "http://169.254.169.254/latest/meta-data",
    "https://other.example/.well-known/oauth-protected-resource",
    "/.well-known/oauth-protected-resource/mcp",
    "mcp",
    "",
    "file:///etc/passwd",
    "data:application/json,{}",
  ])("resource metadata is not requested from %s even if a challenge names it", async (url) => {
    expect((await resource(url))?.resource).toBe(`${server.origin}/mcp`);
    expect(server.requests.map((request) => request.url)).toEqual([wellKnown]);
  });

  test("resource metadata is not requested from an origin other than those of the server and the issuer", async () => {
    await using other = await startHttpServer((_request, response) =>
      sendJson(response, { resource: `${server.origin}/mcp`, authorization_servers: [server.origin] }),
    );
    await resource(`${other.origin}/.well-known/oauth-protected-resource`);
    expect(other.requests).toEqual([]);
    expect(server.requests.map((request) => request.url)).toEqual([wellKnown]);
  });

  test("resource metadata is not requested from a URL with a password", async () => {
    const url = `${server.origin.replace("//", "//user:hunter2@")}/elsewhere`;
    expect((await resource(url))?.resource).toBe(`${server.origin}/mcp`);
    expect(server.requests.map((request) => request.url)).toEqual([wellKnown]);
  });
});

test("metadata is fresh for its max-age, at least 5 minutes and at most 24 hours, and for an hour without max-age", () => {
  const fresh = (value?: string) =>
    freshFor(new Headers(value === undefined ? {} : { "cache-control": value }));
  expect(fresh()).toBe(hour);
  expect(fresh("public")).toBe(hour);
  expect(fresh("public, Max-Age=900")).toBe(15 * minute);
  expect(fresh('max-age="900"')).toBe(15 * minute);
  expect(fresh("max-age=0")).toBe(5 * minute);
  expect(fresh("max-age=31536000")).toBe(24 * hour);
  expect(fresh("max-age=900, no-store")).toBe(5 * minute);
  expect(fresh("no-cache")).toBe(5 * minute);
  expect(fresh("s-maxage=900")).toBe(hour);
  expect(fresh("max-age=-1")).toBe(hour);
  expect(fresh("max-age=soon, max-age")).toBe(hour);
});

describe("LookupCache", () => {
  const lookup = (lookups: LookupCache<string>, key: string, load: () => string) =>
    lookups.lookup({
      key,
      variant: "",
      accepts: () => true,
      lastGood: (value) => value,
      load: async () => succeed({ value: load(), freshFor: hour }),
    });

  test("the lookup cache drops the least recently used entry beyond its limit", async () => {
    const loaded: string[] = [];
    const lookups = new LookupCache<string>("resource metadata", fakeClock(), 2);
    const get = (key: string) =>
      lookup(lookups, key, () => {
        loaded.push(key);
        return key;
      });
    for (const key of ["a", "b", "a", "c", "a", "b"]) await get(key);
    expect(loaded).toEqual(["a", "b", "c", "b"]);
    expect(lookups.size).toBe(2);
  });

  test("the lookup cache holds a thousand entries by default", async () => {
    const lookups = new LookupCache<string>("resource metadata", fakeClock());
    for (let i = 0; i < 1_500; i += 1) await lookup(lookups, String(i), () => "x");
    expect(lookups.size).toBe(1_000);
  });

  test("the lookup cache does not bring back an entry that was forgotten while it was loaded", async () => {
    const lookups = new LookupCache<string>("resource metadata", fakeClock());
    const slow = deferred<string>();
    const old = lookups.lookup({
      key: "k",
      variant: "",
      accepts: () => true,
      lastGood: (value) => value,
      load: async () => succeed({ value: await slow.promise, freshFor: hour }),
    });
    lookups.forget("k");
    const next = await lookup(lookups, "k", () => "new");
    slow.resolve("old");
    expect([await old, next, await lookup(lookups, "k", () => "newer")]).toEqual([
      succeed("old"),
      succeed("new"),
      succeed("new"),
    ]);
  });

  test("the lookup cache forgets a load that throws instead of failing", async () => {
    const lookups = new LookupCache<string>("resource metadata", fakeClock());
    const broken = lookup(lookups, "k", () => {
      throw new Error("a mistake of ours");
    });
    await expect(broken).rejects.toThrow("a mistake of ours");
    expect(await lookup(lookups, "k", () => "fine")).toEqual(succeed("fine"));
  });

  test("the lookup cache returns the last good value if a load fails or finds nothing, and loads again a minute later", async () => {
    const clock = fakeClock();
    const lookups = new LookupCache<string>("resource metadata", clock);
    await lookup(lookups, "k", () => "old");
    let loads = 0;
    const load = (outcome: Outcome<Loaded<string>>) =>
      lookups.lookup({
        key: "k",
        variant: "",
        accepts: () => true,
        lastGood: (value) => value,
        load: async () => {
          loads += 1;
          return outcome;
        },
      });
    const failed = fail({ code: "tls_failed", detail: "no" });
    const nothing = succeed({ value: "", freshFor: hour, isEmpty: true });
    await clock.advance(hour);
    for (const outcome of [failed, nothing]) {
      expect(await load(outcome)).toEqual(succeed("old"));
      expect(await load(outcome)).toEqual(succeed("old"));
      await clock.advance(minute);
    }
    expect(loads).toBe(2);
  });

  test("the lookup cache returns the failure, or the empty result, if there is no good value", async () => {
    const lookups = new LookupCache<string>("resource metadata", fakeClock());
    const common = { key: "k", variant: "", accepts: () => true, lastGood: () => undefined };
    const failed = fail({ code: "unavailable", detail: "no", retryable: true });
    expect(await lookups.lookup({ ...common, load: async () => failed })).toEqual(failed);
    const load = async () => succeed({ value: "nothing", freshFor: hour, isEmpty: true });
    expect(await lookups.lookup({ ...common, load })).toEqual(succeed("nothing"));
  });
});

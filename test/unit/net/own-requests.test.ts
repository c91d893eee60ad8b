import { inspect } from "node:util";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import {
  fetchToUse,
  type InitWithFetch,
  platformFetch,
  trackOwnRequests,
} from "../../../src/net/own-requests.js";
import { deferred } from "../../support/deferred.js";

const url = "http://127.0.0.1:1/mcp";
const authorized = { headers: { Authorization: "Bearer s3cr3t" } };

afterEach(() => vi.unstubAllGlobals());

/** Replaces the global fetch, and answers when the test says so. */
function stubbed() {
  const answer = deferred<Response>();
  const fetch = vi.fn<typeof globalThis.fetch>(() => answer.promise);
  vi.stubGlobal("fetch", fetch);
  return { fetch, answer: () => answer.resolve(new Response()) };
}

test("our own request is recognized by its URL and Authorization while it is sent", async () => {
  const ownRequests = trackOwnRequests();
  const { answer } = stubbed();
  const known = () => [
    ownRequests.includes(url, "Bearer s3cr3t"),
    ownRequests.includes("http://127.0.0.1:1/other", "Bearer s3cr3t"),
    ownRequests.includes(url, "Bearer other"),
    ownRequests.includes(url, null),
  ];
  const sent = [platformFetch()(url, authorized), platformFetch()(new Request(url, authorized))];
  expect(known()).toEqual([true, false, false, false]);
  const unauthorized = platformFetch()(url);
  expect(known()).toEqual([true, false, false, true]);
  answer();
  await Promise.all([...sent, unauthorized]);
  expect(known()).toEqual([false, false, false, false]);
});

test("our own request without a token bypasses the registration that would authorize it", async () => {
  const ownRequests = trackOwnRequests();
  const { fetch: global, answer } = stubbed();
  answer();
  const originalFetch = vi.fn<typeof globalThis.fetch>(async () => new Response());
  const unregister = ownRequests.register((text) => text === url, originalFetch);
  onTestFinished(unregister);
  await platformFetch()(url);
  await platformFetch()(url, { headers: { authorization: "Basic Og==" } });
  await platformFetch()(url, authorized);
  await platformFetch()("http://127.0.0.1:1/other");
  expect([originalFetch.mock.calls.length, global.mock.calls.length]).toEqual([2, 2]);
  unregister();
  await platformFetch()(url);
  expect(originalFetch).toHaveBeenCalledTimes(2);
});

test("a failed request is no longer recognized", async () => {
  const ownRequests = trackOwnRequests();
  vi.stubGlobal("fetch", () => Promise.reject(new TypeError("fetch failed")));
  await expect(platformFetch()(url, authorized)).rejects.toThrow("fetch failed");
  expect(ownRequests.includes(url, "Bearer s3cr3t")).toBe(false);
});

test("a request is sent with the chosen fetch, else with the one in its init, else with the global fetch", async () => {
  const { fetch: global, answer } = stubbed();
  answer();
  const chosen = vi.fn<typeof globalThis.fetch>(async () => new Response());
  const named = vi.fn<typeof globalThis.fetch>(async () => new Response());
  const init: InitWithFetch = { method: "POST", [fetchToUse]: named };
  await platformFetch(chosen)(url, init);
  await platformFetch()(url, init);
  await platformFetch()(url, { method: "POST" });
  const sent = [url, { method: "POST" }];
  expect([chosen, named, global].map(({ mock }) => mock.calls)).toEqual([[sent], [sent], [sent]]);
  expect(Object.getOwnPropertySymbols(named.mock.calls[0]?.[1] ?? {})).toEqual([]);
});

test("the state that all copies of the package share reveals nothing about a request", async () => {
  const ownRequests = trackOwnRequests();
  const { answer } = stubbed();
  const sent = platformFetch()(url, authorized);
  expect(trackOwnRequests()).toBe(ownRequests);
  expect(inspect(ownRequests, { showHidden: true, depth: Number.POSITIVE_INFINITY })).not.toContain("s3cr3t");
  expect(Object.keys(globalThis).join()).not.toContain("mcp-auth");
  answer();
  await sent;
});

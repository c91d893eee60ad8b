import { describe, expect, test } from "vitest";
import { clockSkewMessage, ServerClocks } from "../../../src/net/server-clocks.js";
import { clockLearningFetch } from "../../support/clock-learning-fetch.js";
import { fakeClock } from "../../support/fake-clock.js";

const url = "https://auth.example/token";
const minute = 60_000;

/** Returns our clock, and a function that answers with the time of a server that is `skew` ahead of it. */
function started() {
  const clock = fakeClock();
  const clocks = new ServerClocks(clock);
  const server = { skew: 0, headers: {} as Record<string, string> };
  const fetch = clockLearningFetch(
    clocks,
    async () =>
      new Response("", {
        headers: { date: new Date(clock.now() + server.skew).toUTCString(), ...server.headers },
      }),
  );
  /** Answers like a server whose clock is this far ahead. */
  const heard = async (skew: number, at = url, init: RequestInit = { method: "POST" }) => {
    server.skew = skew;
    await fetch(at, init);
  };
  /** Returns how far the signing time for the server is ahead of our time, in milliseconds. */
  const corrected = (at = url) => clocks.at(at).now() - clock.now();
  return { clock, clocks, server, fetch, heard, corrected };
}

describe("ServerClocks.at", () => {
  test("the signing time is ours while no clock is known", () => {
    expect(started().corrected()).toBe(0);
  });

  test("the signing time is that of the server only for its own origin", async () => {
    const { heard, corrected } = started();
    await heard(90_000);
    expect(corrected()).toBe(90_000);
    expect(corrected("https://auth.example/other?path")).toBe(90_000);
    expect(corrected("https://auth.example:8443/token")).toBe(0);
    expect(corrected("http://auth.example/token")).toBe(0);
  });

  test("the signing time follows a clock that was set", async () => {
    const { clock, heard, corrected } = started();
    await heard(90_000);
    await heard(-30_000);
    expect(corrected()).toBe(-29_000);
    clock.jump(-30_000);
    await heard(0);
    expect(corrected()).toBe(0);
  });

  test("a GET response that may come from a cache corrects the signing time only if the server is ahead", async () => {
    const { heard, corrected, server } = started();
    await heard(-5 * minute, url, {});
    expect(corrected()).toBe(0);
    await heard(90_000, url, {});
    expect(corrected()).toBe(90_000);
    server.headers = { "cache-control": "private, no-store" };
    await heard(-5 * minute, url, {});
    expect(corrected()).toBe(-5 * minute + 1_000);
  });

  test("the signing time is ours if Date is as old as Age says", async () => {
    const { heard, corrected, server } = started();
    server.headers = { age: "300" };
    for (const init of [{}, { method: "POST" }]) {
      await heard(-5 * minute, url, init);
      expect(corrected()).toBe(0);
    }
  });

  test("a followed redirect and a value that is not a response do not change the signing time", async () => {
    const { clock, clocks, corrected } = started();
    const date = new Date(clock.now() + 90_000).toUTCString();
    const followed = Object.defineProperty(new Response("", { headers: { date } }), "redirected", {
      value: true,
    });
    expect(await clockLearningFetch(clocks, async () => followed)(url, { method: "POST" })).toBe(followed);
    // A caller's own `fetch` may return anything.
    const nothing = JSON.parse("null");
    await expect(clockLearningFetch(clocks, async () => nothing)(url)).rejects.toMatchObject({
      code: "config_invalid",
    });
    expect(corrected()).toBe(0);
  });

  test("a Request object counts like its URL and method", async () => {
    const { fetch, corrected, server } = started();
    server.skew = -90_000;
    await fetch(new Request(url, { method: "POST" }));
    expect(corrected()).toBe(-89_000);
  });

  test("the signing time is outdated once the server's clock is known to differ", async () => {
    const { clocks, heard } = started();
    const unused = clocks.at(url);
    const used = clocks.at(url);
    used.now();
    expect(used.isOutdated).toBe(false);
    await heard(90_000);
    expect(used.isOutdated).toBe(true);
    expect(unused.isOutdated).toBe(false);
    used.now();
    expect(used.isOutdated).toBe(false);
  });

  test("the signing time is ours if the difference exceeds ten minutes, which is reported", async () => {
    const { clocks, heard, corrected } = started();
    const time = clocks.at(url);
    await heard(-20 * minute);
    expect(corrected()).toBe(0);
    expect(time.uncorrected).toBeUndefined();
    time.now();
    expect(time.uncorrected).toBe(-20 * minute + 1_000);
    expect(time.isOutdated).toBe(false);
  });

  test("the clock of the least recently used origin is forgotten if there are more than a thousand", async () => {
    const { heard, corrected } = started();
    await heard(90_000);
    await heard(90_000, "https://other.example/");
    for (let index = 0; index < 999; index += 1) await heard(0, `https://as-${index}.example/`);
    expect(corrected("https://other.example/")).toBe(90_000);
    expect(corrected()).toBe(0);
  });
});

describe("ServerClocks.takeReport", () => {
  test("a clock difference is reported once, and only if something was signed", async () => {
    const { clocks, heard, corrected } = started();
    await heard(90_000);
    expect(clocks.takeReport(url)).toBeUndefined();
    corrected();
    expect(clocks.takeReport(url)).toEqual({ offset: 90_000, isCorrected: true });
    await heard(91_000);
    await heard(89_000);
    expect(clocks.takeReport(url)).toBeUndefined();
  });

  test("a clock difference that is learned after signing is reported", async () => {
    const { clocks, heard, corrected } = started();
    corrected();
    await heard(-90_000);
    expect(clocks.takeReport(url)).toEqual({ offset: -89_000, isCorrected: true });
  });

  test("a clock difference of 2 s is not reported", async () => {
    const { clocks, heard, corrected } = started();
    corrected();
    for (const skew of [2_000, -2_000, -3_000]) {
      await heard(skew);
      expect(clocks.takeReport(url), String(skew)).toBeUndefined();
    }
  });

  test("each different clock offset is reported once, and at most ten are", async () => {
    const { clocks, heard, corrected } = started();
    corrected();
    const reported = async (skew: number) => {
      await heard(skew);
      return clocks.takeReport(url)?.offset;
    };
    expect(await reported(90_000)).toBe(90_000);
    expect(await reported(0)).toBeUndefined();
    expect(await reported(90_000)).toBeUndefined();
    expect(await reported(-90_000)).toBe(-89_000);
    expect(await reported(-20 * minute)).toBe(-20 * minute + 1_000);
    let reports = 3;
    for (let index = 1; index <= 100; index += 1) {
      if ((await reported(100_000 + 10_000 * index)) !== undefined) reports += 1;
    }
    expect(reports).toBe(10);
  });

  test("the warning about a clock says the difference in seconds and the consequence", () => {
    const ahead = clockSkewMessage("crm", "the MCP server", { offset: 89_100, isCorrected: true });
    expect(ahead).toBe(
      'Server "crm": the clock of the MCP server is 90 s ahead of the clock of this machine. Assertions and DPoP proofs for it ' +
        "are made in its time. Correct the clock that is wrong.",
    );
    const behind = clockSkewMessage("crm", "the MCP server", { offset: -1_200_000, isCorrected: false });
    expect(behind).toContain("is 1200 s behind the clock of this machine. That is more than the 600 s");
  });
});

describe("ServerClocks.offset", () => {
  test("the offset is known only after a response of that origin, and also if it is too large to be corrected", async () => {
    const { clocks, heard } = started();
    expect(clocks.offset(url)).toBeUndefined();
    await heard(20 * minute);
    expect(clocks.offset("https://auth.example/other")).toBe(20 * minute);
    expect(clocks.offset("https://crm.example")).toBeUndefined();
    await heard(0, "https://crm.example/mcp");
    expect(clocks.offset("https://crm.example")).toBe(0);
  });

  test("an origin for which something was only signed has no offset", () => {
    const { clocks } = started();
    clocks.at(url).now();
    expect(clocks.offset(url)).toBeUndefined();
  });
});

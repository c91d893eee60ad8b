import { describe, expect, test } from "vitest";
import { gaugesOf, limitedGauges, type MeasuredStatus } from "../../../src/telemetry/gauges.js";
import { maxServers, ServerLimit } from "../../../src/telemetry/server-limit.js";

const now = 1_000_000;

/** Returns the values of the gauges of one server by their key. */
function valuesOf(status: Omit<MeasuredStatus, "server">): Record<string, number> {
  const gauges = gaugesOf([{ server: "crm", ...status }], (server) => ({ server }), now);
  return Object.fromEntries(gauges.map(({ key, value }) => [key, value]));
}

describe("the gauges of a server", () => {
  test("a failed token request makes the server fail, with its code", () => {
    const [failing] = gaugesOf(
      [{ server: "crm", state: "cooldown", lastError: { code: "unavailable" } }],
      (server) => ({ server }),
      now,
    ).filter(({ key }) => key === "failing");
    expect(failing).toMatchObject({ value: 1, attributes: { server: "crm", code: "unavailable" } });
  });

  test("a token that the MCP server refuses is refused, and no failed token request", () => {
    const status = { state: "fresh", rejectedAt: now, lastError: { code: "unauthorized" } };
    expect(valuesOf(status)).toMatchObject({ failing: 0, refused: 1 });
  });

  test("the remaining lifetime is in seconds and never negative", () => {
    expect(valuesOf({ state: "fresh", expiresAt: now + 1_500 })).toMatchObject({ remainingLifetime: 1.5 });
    expect(valuesOf({ state: "expired", expiresAt: now - 1 })).toMatchObject({ remainingLifetime: 0 });
    expect(valuesOf({ state: "none" })).not.toHaveProperty("remainingLifetime");
  });

  test("only a token that nobody renews is unplanned", () => {
    const expiresAt = now + 60_000;
    expect(valuesOf({ state: "asleep", expiresAt })).toMatchObject({ unplanned: 1 });
    expect(valuesOf({ state: "fresh", expiresAt })).toMatchObject({ unplanned: 1 });
    expect(valuesOf({ state: "fresh", expiresAt, nextRefreshAt: now })).toMatchObject({ unplanned: 0 });
    expect(valuesOf({ state: "none" })).toMatchObject({ unplanned: 0 });
  });
});

test("of 10,000 servers only a fixed number has a name, and the others count together", () => {
  const statuses = Array.from({ length: 10_000 }, (_, index) => ({
    ...{ server: `server-${index}`, state: "fresh" },
    expiresAt: now + (index + 1) * 1_000,
  }));
  const gauges = gaugesOf(statuses, (server) => ({ server }), now);
  const limit = new ServerLimit();
  const states = limitedGauges("states", gauges, limit);
  expect(states).toHaveLength(maxServers + 1);
  expect(states.find(({ attributes }) => attributes["server"] === "_OTHER")?.value).toBe(10_000 - maxServers);
  const lifetimes = limitedGauges("remainingLifetime", gauges, limit);
  expect(lifetimes.find(({ attributes }) => attributes["server"] === "_OTHER")?.value).toBe(maxServers + 1);
});

import { expect, test } from "vitest";
import type { McpAuth, McpAuthEventName, McpAuthListener, TokenEvent } from "../../../../src/index.js";
import { History } from "../../../../src/proxy/status/history.js";

const minute = 60_000;

/** A history whose events and clock the test decides. */
function open(isServed: (server: string) => boolean = () => true) {
  const listeners = new Map<string, (event: never) => void>();
  const on: McpAuth["on"] = <E extends McpAuthEventName>(name: E, listener: McpAuthListener<E>) => {
    listeners.set(name, listener);
    return () => void listeners.delete(name);
  };
  const clock = { now: 1_000 };
  const history = new History({ on }, isServed, () => clock.now);
  const emit = (name: McpAuthEventName, fields: Partial<TokenEvent> & object = {}): void => {
    const event = {
      server: "crm",
      issuer: "https://auth.example",
      reason: "expiry",
      durationMs: 5,
      ...fields,
    };
    // The fields of `config:reloaded` differ.
    listeners.get(name)?.(event as never);
  };
  const entries = (server = "crm") => history.of(server, undefined)?.entries ?? [];
  return { history, clock, emit, entries, listeners };
}

test("a failure is one entry, with its first and last time, until the next token", () => {
  const { clock, emit, entries } = open();
  for (const seconds of [12, 24, 48]) {
    clock.now += minute;
    emit("token:failed", { code: "unavailable", message: `Not available, try again in ${seconds} s.` });
    emit("token:cooldown", { code: "unavailable", durationMs: minute });
  }
  const failure = { kind: "failed", at: 61_000, lastAt: 181_000, count: 3, code: "unavailable" };
  expect(entries()).toMatchObject([
    { ...failure, message: expect.stringContaining("48 s"), pausedUntil: 241_000 },
  ]);
  expect(entries()[0]).not.toHaveProperty("recoveredAt");
  clock.now += minute;
  emit("token:renewed", { expiresAt: 9e9 });
  expect(entries()).toMatchObject([{ ...failure, recoveredAt: 241_000 }]);
  clock.now += 60 * minute;
  emit("token:failed", { code: "unavailable", message: "Not available, try again in 1 s." });
  expect(entries()).toHaveLength(2);
});

test("failures with another code or another message are entries of their own", () => {
  const { emit, entries } = open();
  emit("token:failed", { code: "unavailable", message: "Status 503." });
  emit("token:failed", { code: "unavailable", message: "No route." });
  emit("token:failed", { code: "timeout", message: "No route." });
  emit("token:failed", { code: "unavailable", message: "Status 502." });
  expect(entries().map(({ code, count }) => [code, count])).toEqual([
    ["unavailable", 1],
    ["timeout", 1],
    ["unavailable", 2],
  ]);
});

test("routine renewals never displace failures and changes", () => {
  const { history, clock, emit, entries } = open();
  emit("token:failed", { code: "unavailable", message: "Status 503." });
  emit("key:rotated");
  for (let renewal = 0; renewal < 5_000; renewal += 1) {
    clock.now += minute;
    emit("token:renewed", { expiresAt: clock.now + minute });
  }
  expect(entries().map(({ kind }) => kind)).toEqual(["failed", "key"]);
  const { renewals, renewalCount, firstRenewalAt, issuedAt } = history.of("crm", clock.now + minute) ?? {};
  expect([renewals?.length, renewalCount, firstRenewalAt, issuedAt]).toEqual([24, 5_000, 61_000, clock.now]);
  expect(history.of("crm", 1)).not.toHaveProperty("issuedAt");
});

test("the history of a server is bounded, and says how much is missing", () => {
  const { history, emit, entries } = open();
  for (let change = 0; change < 1_000; change += 1) emit("secret:changed");
  expect(entries()).toHaveLength(40);
  expect(history.of("crm", undefined)?.dropped).toBe(960);
  emit("token:failed", { code: "unavailable", message: "x".repeat(50_000) });
  expect(entries().at(-1)?.message).toHaveLength(1_000);
});

test("a failure that goes on is not displaced by what happens beside it", () => {
  const { clock, emit, entries } = open();
  for (let round = 0; round < 60; round += 1) {
    clock.now += minute;
    emit("token:failed", { code: "timeout", message: "No answer." });
    emit("secret:changed");
  }
  expect(entries()).toHaveLength(40);
  expect(entries().find(({ kind }) => kind === "failed")).toMatchObject({ at: 61_000, count: 60 });
});

test("a server that is removed and added again never has the version of an earlier history", () => {
  const { history, emit } = open();
  emit("token:warning", { code: "clock_skew", message: "One minute." });
  const before = history.versionOf("crm");
  emit("config:reloaded", { added: [], changed: [], removed: ["crm"] } as object);
  emit("config:reloaded", { added: ["crm"], changed: [], removed: [] } as object);
  emit("token:warning", { code: "clock_skew", message: "Two hours." });
  expect(history.versionOf("crm")).not.toBe(before);
});

test("a server that renews has its smaller share once there are many servers", () => {
  const { history, emit } = open();
  for (let renewal = 0; renewal < 24; renewal += 1) emit("token:renewed");
  for (let index = 0; index < 9_999; index += 1) emit("token:renewed", { server: `server-${index}` });
  emit("token:renewed");
  expect(history.of("crm", undefined)?.renewals).toHaveLength(4);
});

test("the history of ten thousand servers is bounded, and each keeps some entries", () => {
  const { history, emit } = open();
  const names = Array.from({ length: 10_000 }, (_, index) => `server-${index}`);
  for (let round = 0; round < 12; round += 1) {
    for (const server of names) {
      emit("secret:changed", { server });
      emit("token:renewed", { server });
    }
  }
  const all = names.map((server) => history.of(server, undefined));
  expect(Math.min(...all.map((each) => each?.entries.length ?? 0))).toBe(5);
  expect(all.reduce((sum, each) => sum + (each?.entries.length ?? 0), 0)).toBeLessThanOrEqual(
    50_000 + 3 * 1_250,
  );
  expect(all.reduce((sum, each) => sum + (each?.renewals.length ?? 0), 0)).toBeLessThanOrEqual(41_000);
});

test("servers that are not served have no history, and removed ones lose it", () => {
  const { history, emit, listeners } = open((server) => server === "crm");
  emit("token:failed", { server: "other", code: "timeout" });
  expect(history.of("other", undefined)).toBeUndefined();
  emit("token:failed", { code: "timeout" });
  expect(history.of("crm", undefined)).toMatchObject({ issuer: "https://auth.example" });
  emit("config:reloaded", { added: ["new"], changed: [], removed: ["crm"] } as object);
  expect(history.of("crm", undefined)).toBeUndefined();
  expect(history.proxyEntries.map(({ kind }) => kind)).toEqual(["started", "reloaded"]);
  for (let reload = 0; reload < 500; reload += 1)
    emit("config:reloaded", { added: [], changed: [], removed: [] } as object);
  expect(history.proxyEntries).toHaveLength(100);
  history.stop();
  expect(listeners.size).toBe(0);
});

test("failed calls are one entry until a call succeeds, and the last twenty outcomes are counted", () => {
  const { history, clock, emit, entries } = open();
  const failure = {
    code: "unavailable",
    message: 'Server "crm": the server could not be reached (ECONNREFUSED).',
  };
  for (let call = 0; call < 30; call += 1) history.noteCall("crm", undefined);
  const version = history.versionOf("crm");
  history.noteCall("crm", undefined);
  expect(history.versionOf("crm")).toBe(version);
  for (let call = 0; call < 14; call += 1) {
    clock.now += 1_000;
    history.noteCall("crm", failure);
  }
  emit("token:renewed", { expiresAt: 9e9 });
  const calls = { count: 20, failed: 14, failedInRow: 14, lastFailed: { at: 15_000, code: "unavailable" } };
  expect(history.of("crm", undefined)?.calls).toEqual(calls);
  const entry = { kind: "calls", at: 2_000, lastAt: 15_000, count: 14, ...failure };
  expect(entries()).toEqual([{ ...entry, reasons: [] }]);
  clock.now += 1_000;
  history.noteCall("crm", undefined);
  expect(entries()).toEqual([{ ...entry, reasons: [], recoveredAt: 16_000 }]);
  expect(history.of("crm", undefined)?.calls).toMatchObject({ failed: 14, failedInRow: 0 });
  history.noteCall("crm", { code: "5xx" });
  expect(entries().at(-1)).toMatchObject({ kind: "calls", code: "5xx", count: 1 });
});

test("calls that fail for lack of a token end with the next token, and do not repeat its message", () => {
  const { history, clock, emit, entries } = open();
  emit("token:failed", { code: "unavailable", message: "Status 503, try again in 2 s." });
  history.noteCall("crm", { code: "unavailable", message: "Status 503, try again in 1 s." });
  history.noteCall("crm", { code: "unavailable", message: "Status 503, try again in 1 s." });
  expect(entries().at(-1)).toMatchObject({ kind: "calls", isAboutToken: true, count: 2 });
  expect(entries().at(-1)).not.toHaveProperty("message");
  clock.now += 5_000;
  emit("token:renewed", { expiresAt: 9e9 });
  expect(entries().map(({ recoveredAt }) => recoveredAt)).toEqual([6_000, 6_000]);
  expect(history.of("crm", undefined)?.calls?.failedInRow).toBe(0);
});

test("a refusal is not over with a new token, only when a call is accepted", () => {
  const { history, clock, emit, entries } = open();
  for (let token = 0; token < 3; token += 1) {
    clock.now += 1_000;
    emit("token:rejected", { reason: "rejected" });
    emit("token:renewed", { expiresAt: 9e9, reason: "rejected" });
  }
  expect(entries()).toEqual([
    { kind: "rejected", at: 2_000, lastAt: 4_000, count: 3, reasons: ["rejected"], tokens: 3 },
  ]);
  clock.now += 1_000;
  history.noteCall("crm", { code: "unauthorized", message: "Refused." });
  expect(entries()[0]).not.toHaveProperty("recoveredAt");
  history.noteCall("crm", undefined);
  expect(entries()[0]).toMatchObject({ recoveredAt: 5_000 });
  clock.now += 1_000;
  emit("token:rejected", { reason: "rejected" });
  expect(entries().at(-1)).toMatchObject({ kind: "rejected", count: 4, resumedAt: 6_000 });
  expect(entries().at(-1)).not.toHaveProperty("tokens");
});

test("an outage of the store has a beginning and an end in the history of the proxy", () => {
  const { history, clock, emit, entries } = open();
  const message = "The store cannot be written (EROFS).";
  history.noteStore(undefined);
  emit("store:down", { code: "store_unavailable", message });
  history.noteStore(message);
  expect(history.proxyEntries.slice(1)).toEqual([{ kind: "store", at: 1_000, message }]);
  clock.now += minute;
  history.noteStore(undefined);
  history.noteStore(undefined);
  expect(history.proxyEntries.slice(1)).toEqual([{ kind: "store", at: 1_000, message, until: 61_000 }]);
  expect(entries()).toMatchObject([{ kind: "store", recoveredAt: 61_000 }]);
});

test("a new key is accepted with the first token after it, and repeated failures keep all reasons", () => {
  const { clock, emit, entries } = open();
  emit("key:rotated");
  expect(entries()[0]).not.toHaveProperty("recoveredAt");
  for (const reason of ["expiry", "demand", "expiry"] as const)
    emit("token:failed", { reason, code: "timeout" });
  expect(entries()[1]).toMatchObject({ reasons: ["expiry", "demand"], count: 3 });
  clock.now += 1_000;
  emit("token:renewed", { expiresAt: 9e9 });
  expect(entries()[0]).toMatchObject({ kind: "key", recoveredAt: 2_000 });
});

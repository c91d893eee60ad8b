import { expect, test } from "vitest";
import type { McpAuthErrorCode } from "../../../../../src/index.js";
import {
  headline,
  isUnreachable,
  levelOf,
  meaningOf,
  placeOf,
  refusingSince,
  titleOf,
} from "../../../../../src/proxy/status/page/judge.js";
import type { TokenState } from "../../../../../src/runtime/token-manager.js";

const lastError = { code: "timeout", message: "Too slow.", findings: [] };

test("a server is a problem if calls fail, and needs attention if only its renewal failed", () => {
  const level = (state: TokenState, more: object = {}) => levelOf({ server: "crm", state, ...more });
  expect(level("fresh")).toBe("good");
  expect(level("fresh", { lastError })).toBe("warn");
  expect(level("fresh", { rejectedAt: 1 })).toBe("bad");
  expect(level("stale")).toBe("good");
  expect(level("cooldown")).toBe("bad");
  expect(level("none")).toBe("idle");
  expect(level("none", { lastError })).toBe("bad");
  expect(level("expired")).toBe("idle");
  expect(level("expired", { lastError })).toBe("bad");
  expect(level("asleep")).toBe("idle");
});

test.each([
  [{ bad: 1, warn: 0, good: 11, idle: 0 }, 0, "1 of 12 servers has no usable token"],
  [{ bad: 2, warn: 1, good: 9, idle: 0 }, 1, "1 of 12 servers has no usable token; 1 more refuses its token"],
  [{ bad: 2, warn: 0, good: 0, idle: 0 }, 2, "2 of 2 servers refuse their token"],
  [{ bad: 1, warn: 0, good: 0, idle: 0 }, 0, "1 of 1 server has no usable token"],
  [{ bad: 0, warn: 2, good: 1, idle: 0 }, 0, "2 of 3 servers could not renew their token"],
  [{ bad: 0, warn: 0, good: 12, idle: 0 }, 0, "All 12 servers have a usable token"],
  [{ bad: 0, warn: 0, good: 1, idle: 0 }, 0, "The server has a usable token"],
  [{ bad: 0, warn: 0, good: 1, idle: 2 }, 0, "No server has a problem: 1 has a token, 2 need none now"],
  [{ bad: 0, warn: 0, good: 0, idle: 2 }, 0, "No server has a problem; no token was needed yet"],
  [{ bad: 0, warn: 0, good: 0, idle: 0 }, 0, "This proxy serves no server"],
])("the headline for %j with %i refused tokens is a sentence: %s", (counts, refused, sentence) => {
  expect(headline(counts, refused)).toBe(sentence);
});

test("the page says for every state what it means, and for every code where the cause is", () => {
  const states: Record<TokenState, true> = {
    ...{ none: true, fresh: true, stale: true, expired: true, cooldown: true, asleep: true, stopped: true },
  };
  for (const state of Object.keys(states)) expect(meaningOf(state)).toMatch(/^[A-Z].*\.$/);
  const codes: Record<Exclude<McpAuthErrorCode, "aborted" | "stopped">, true> = {
    ...{ config_not_found: true, config_invalid: true, secret_unavailable: true, key_invalid: true },
    ...{ signer_unavailable: true, unknown_server: true, insecure_url: true, egress_denied: true },
    ...{ sender_constrained: true, discovery_failed: true, issuer_mismatch: true, resource_mismatch: true },
    ...{ unsupported_by_server: true, token_request_rejected: true, token_response_invalid: true },
    ...{ unauthorized: true, insufficient_scope: true, unavailable: true, tls_failed: true, timeout: true },
    store_unavailable: true,
  };
  for (const code of Object.keys(codes)) expect(placeOf(code), code).toBeDefined();
});

const noEntries = { renewals: [], renewalCount: 0, entries: [], dropped: 0 };
const entry = { at: 1_000, lastAt: 9_000, count: 3, reasons: [] };

test("a server whose calls fail although its token is fine is a problem of its own", () => {
  const lastFailed = { at: 9_000, code: "unavailable" };
  const view = (state: TokenState, failedInRow: number, more: object = {}) => ({
    ...{ server: "mail", state, ...more },
    history: { ...noEntries, calls: { count: 20, failed: 14, failedInRow, lastFailed } },
  });
  expect(levelOf(view("fresh", 14))).toBe("bad");
  expect(levelOf(view("fresh", 1))).toBe("good");
  expect(isUnreachable(view("fresh", 14))).toBe(true);
  expect(isUnreachable(view("cooldown", 14))).toBe(false);
  expect(isUnreachable(view("fresh", 14, { rejectedAt: 1 }))).toBe(false);
  const counts = { bad: 2, warn: 0, good: 6, idle: 0 };
  const mail = "1 server fails all calls although its token is fine";
  expect(headline(counts, 1, 1)).toBe(`1 of 8 servers refuses its token; ${mail}`);
  expect(headline({ ...counts, bad: 1 }, 0, 1)).toBe(mail);
});

test("a server that refuses one token after another is a problem, also between two calls", () => {
  const view = (more: object) => ({
    ...{ server: "search", state: "fresh" },
    history: { ...noEntries, entries: [{ ...entry, kind: "rejected" as const, ...more }] },
  });
  expect(refusingSince(view({ tokens: 2 }))).toBe(1_000);
  expect(refusingSince(view({ tokens: 2, resumedAt: 5_000 }))).toBe(5_000);
  expect(levelOf(view({ tokens: 2 }))).toBe("bad");
  expect(levelOf(view({ tokens: 2, recoveredAt: 9_500 }))).toBe("good");
  expect(levelOf(view({ tokens: 1, count: 1 }))).toBe("good");
});

test("the place of a failure names the authorization server, or the MCP server for calls", () => {
  const issuer = "https://auth.example";
  const server = `at the authorization server (${issuer})`;
  expect(placeOf("unavailable", "failed", issuer)).toBe(`${server}, or on the way to it`);
  expect(placeOf("token_request_rejected", "failed", issuer)).toBe(`${server}, which refused the request`);
  expect(placeOf("unavailable", "calls", issuer)).toBe("at the MCP server, or on the way to it");
  expect(placeOf("5xx", "calls")).toBe("at the MCP server, or on the way to it");
  expect(placeOf("unauthorized", "failed", issuer)).toBe("at the MCP server, which refused the token");
});

test("a new key says whether it was accepted", () => {
  expect(titleOf({ ...entry, kind: "key" })).toBe("New key or certificate, no token with it yet");
  expect(titleOf({ ...entry, kind: "key", recoveredAt: 2_000 })).toBe("New key or certificate, accepted");
});

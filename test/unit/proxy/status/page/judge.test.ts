import { expect, test } from "vitest";
import type { McpAuthErrorCode } from "../../../../../src/index.js";
import { headline, levelOf, meaningOf, placeOf } from "../../../../../src/proxy/status/page/judge.js";
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

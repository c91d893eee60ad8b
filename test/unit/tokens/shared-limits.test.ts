// The limits after refusals that processes share: each request that did not help counts once, and a new credential ends
// the hold for all processes.
import { expect, test } from "vitest";
import type { RequestLimits } from "../../../src/tokens/refusal-policy.js";
import { RefusedTokens } from "../../../src/tokens/refused-tokens.js";
import { Token } from "../../../src/tokens/token.js";
import { fakeClock } from "../../support/fake-clock.js";

/** Refusals of one process. With `isShared`, its new tokens come from another process. */
function refusing(isShared: boolean) {
  const clock = fakeClock();
  const token = (accessToken: string, shared = false): Token =>
    new Token({
      ...{ accessToken, tokenType: "Bearer", scopes: [], issuer: undefined, isShared: shared },
      ...{ requestedAt: clock.now(), expiresAt: clock.now() + 600_000 },
    });
  let current = token("t0");
  let count = 0;
  let stored: RequestLimits | undefined;
  const refused = new RefusedTokens({
    server: "tools",
    clock,
    current: () => current,
    inFlight: () => undefined,
    mayRequest: () => true,
    isLocal: false,
    hasNewCredential: async () => false,
    async request({ takeAllowance }) {
      stored = takeAllowance(stored) ?? stored;
      count += 1;
      current = token(`t${count}`, isShared);
      return current;
    },
    shared: {
      update(change) {
        stored = change(stored);
      },
    },
  });
  return {
    refused,
    failures: () => stored?.failures,
    /** A call is refused, and again after it was sent again. */
    async refuse(kind: string) {
      const next = await refused.replace({ token: current, kind });
      if (next.kind === "resend") next.replacement?.failed(kind);
    },
  };
}

test("a request of this process that did not help counts as one stored failure, for any number of kinds", async () => {
  const { refuse, refused, failures } = refusing(false);
  await refuse("a");
  expect([failures(), refused.hasSuspects]).toEqual([1, true]);
  await refuse("b");
  expect(failures()).toBe(2);
});

test("a request of another process is counted there, and the kind becomes a suspect here too", async () => {
  const { refuse, refused, failures } = refusing(true);
  await refuse("a");
  expect([failures(), refused.hasSuspects]).toEqual([0, true]);
});

test("a new credential ends the stored hold", async () => {
  const { refuse, refused, failures } = refusing(false);
  await refuse("a");
  refused.credentialChanged();
  expect([failures(), refused.hasSuspects]).toEqual([0, false]);
});

import { expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";
import { PrefetchedSecrets } from "../../../src/secrets/prefetched-secrets.js";
import { fakeClock } from "../../support/fake-clock.js";

const secret = new Secret("value");

function prefetched() {
  const clock = fakeClock();
  const kept = new PrefetchedSecrets(clock);
  kept.keep({ env: "A" }, secret);
  return { clock, kept };
}

test("what was read just now is used once, and then read again", () => {
  const { kept } = prefetched();
  expect([kept.isExact, kept.take({ env: "A" })?.reveal(), kept.isExact]).toEqual([false, "value", true]);
  expect([kept.take({ env: "A" }), kept.isExact]).toEqual([undefined, false]);
});

test("what was never read is none of its business", () => {
  const { kept } = prefetched();
  kept.take({ env: "A" });
  expect([kept.take({ env: "B" }), kept.take({ runtime: true }), kept.isExact]).toEqual([
    ...[undefined, undefined],
    true,
  ]);
});

test.each([
  ["later", 1_000],
  ["by a clock that was set back", -1],
])("what was read a second ago is read again: %s", (_name, after) => {
  const { clock, kept } = prefetched();
  clock.jump(after);
  expect([kept.take({ env: "A" }), kept.isExact]).toEqual([undefined, false]);
});

test("with nothing to read there is nothing to differ", () => {
  expect(new PrefetchedSecrets(fakeClock()).isExact).toBe(true);
});

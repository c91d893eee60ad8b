import { expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { fakeClock } from "../../support/fake-clock.js";

const secret = new Secret("value");

function prefetched() {
  const clock = fakeClock();
  const reads = new CredentialRecorder(clock, new CredentialMemory(), {});
  reads.prefetch({ env: "A" }, secret);
  return { clock, reads };
}

test("a prefetched value is used once, and then read again", () => {
  const { reads } = prefetched();
  expect([reads.usedAllPrefetched, reads.take({ env: "A" })?.reveal(), reads.usedAllPrefetched]).toEqual([
    false,
    "value",
    true,
  ]);
  expect([reads.take({ env: "A" }), reads.usedAllPrefetched]).toEqual([undefined, false]);
});

test("a value that was not prefetched is read", () => {
  const { reads } = prefetched();
  reads.take({ env: "A" });
  expect([reads.take({ env: "B" }), reads.take({ runtime: true }), reads.usedAllPrefetched]).toEqual([
    ...[undefined, undefined],
    true,
  ]);
});

test.each([
  ["later", 1_000],
  ["by a clock that was set back", -1],
])("a value that was prefetched a second ago is read again: %s", (_name, after) => {
  const { clock, reads } = prefetched();
  clock.jump(after);
  expect([reads.take({ env: "A" }), reads.usedAllPrefetched]).toEqual([undefined, false]);
});

test("with nothing prefetched, all prefetched values count as used", () => {
  const reads = new CredentialRecorder(fakeClock(), new CredentialMemory(), {});
  expect(reads.usedAllPrefetched).toBe(true);
});

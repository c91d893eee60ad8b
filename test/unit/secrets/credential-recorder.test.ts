import { expect, test } from "vitest";
import { Secret } from "../../../src/lib/secret.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { fakeClock } from "../../support/fake-clock.js";

const secret = new Secret("value");

function prefetched() {
  const clock = fakeClock();
  const recorder = new CredentialRecorder(clock, new CredentialMemory(), {});
  recorder.prefetch({ env: "A" }, secret);
  return { clock, recorder };
}

test("a prefetched value is used once, and then read again", () => {
  const { recorder } = prefetched();
  expect([
    recorder.usedAllPrefetched,
    recorder.take({ env: "A" })?.reveal(),
    recorder.usedAllPrefetched,
  ]).toEqual([false, "value", true]);
  expect([recorder.take({ env: "A" }), recorder.usedAllPrefetched]).toEqual([undefined, false]);
});

test("a value that was not prefetched is read", () => {
  const { recorder } = prefetched();
  recorder.take({ env: "A" });
  expect([recorder.take({ env: "B" }), recorder.take({ runtime: true }), recorder.usedAllPrefetched]).toEqual(
    [...[undefined, undefined], true],
  );
});

test.each([
  ["later", 1_000],
  ["by a clock that was set back", -1],
])("a value that was prefetched a second ago is read again: %s", (_name, after) => {
  const { clock, recorder } = prefetched();
  clock.jump(after);
  expect([recorder.take({ env: "A" }), recorder.usedAllPrefetched]).toEqual([undefined, false]);
});

test("with nothing prefetched, all prefetched values count as used", () => {
  const recorder = new CredentialRecorder(fakeClock(), new CredentialMemory(), {});
  expect(recorder.usedAllPrefetched).toBe(true);
});

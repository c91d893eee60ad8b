import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { WaitLimits } from "../../../src/lib/wait-limits.js";
import { fakeClock } from "../../support/fake-clock.js";
import { rejectionOf } from "../../support/rejection-of.js";

function limits() {
  const clock = fakeClock(0);
  return { clock, limits: new WaitLimits({ server: "crm", clock, deadline: 1_000 }) };
}

const never = () => new Promise<never>(() => {});

test("WaitLimits returns the result or the error of the work, and leaves no timer and no listener", async () => {
  const { clock, limits: waitLimits } = limits();
  const { signal } = new AbortController();
  expect(await waitLimits.run("it", signal, async () => 1)).toBe(1);
  const error = new RangeError("its own");
  await expect(waitLimits.run("it", signal, () => Promise.reject(error))).rejects.toBe(error);
  expect(getEventListeners(signal, "abort")).toEqual([]);
  expect(clock.pending).toEqual([]);
});

test("the caller's signal, the deadline and stop() each end the wait with a code and abort the work", async () => {
  const { clock, limits: waitLimits } = limits();
  const caller = new AbortController();
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal) => {
    signals.push(signal);
    return never();
  };
  const abortedWait = rejectionOf(waitLimits.run("the proof", caller.signal, work));
  caller.abort();
  expect(await abortedWait).toMatchObject({
    code: "aborted",
    message: 'Server "crm": the caller no longer waits for the proof.',
  });
  const late = rejectionOf(waitLimits.run("the proof", undefined, work));
  await clock.advance(1_000);
  expect(await late).toMatchObject({
    code: "timeout",
    retryable: true,
    message: 'Server "crm": the proof took longer than 1000 ms. Try again, or raise "deadline".',
  });
  const stopped = rejectionOf(waitLimits.run("the proof", undefined, work));
  waitLimits.stop();
  expect(await stopped).toMatchObject({ code: "stopped", server: "crm" });
  expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
});

test("an error of work that was aborted does not hide the reason for the abort", async () => {
  const { limits: waitLimits } = limits();
  const caller = new AbortController();
  const work = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(new Error("canary"))));
  const abortedWait = rejectionOf(waitLimits.run("it", caller.signal, work));
  caller.abort();
  expect(await abortedWait).toMatchObject({ code: "aborted" });
});

test("no work is started after stop() or for a signal that is already aborted", async () => {
  const { limits: waitLimits } = limits();
  let begun = 0;
  const work = async () => {
    begun += 1;
  };
  expect(await rejectionOf(waitLimits.run("it", AbortSignal.abort(), work))).toMatchObject({
    code: "aborted",
  });
  waitLimits.stop();
  expect(await rejectionOf(waitLimits.run("it", undefined, work))).toMatchObject({ code: "stopped" });
  expect(begun).toBe(0);
});

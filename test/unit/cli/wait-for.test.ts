import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { waiter } from "../../../src/cli/wait-for.js";
import { deferred } from "../../support/deferred.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function terminal() {
  const shown: string[] = [];
  const interrupt = new AbortController();
  const waitFor = waiter({
    signal: interrupt.signal,
    showProgress(what) {
      shown.push(what);
      return () => shown.push("hidden");
    },
  });
  return { shown, interrupt, waitFor };
}

test("what takes less than a second shows no progress", async () => {
  const { shown, waitFor } = terminal();
  const work = deferred<number>();
  const waiting = waitFor("Asking", work.promise);
  vi.advanceTimersByTime(999);
  work.resolve(1);
  expect(await waiting).toBe(1);
  vi.advanceTimersByTime(5_000);
  expect(shown).toEqual([]);
});

test("what takes a second shows what is waited for until it ends, also with an error", async () => {
  const { shown, waitFor } = terminal();
  const work = deferred<number>();
  const waiting = waitFor("Asking", work.promise);
  vi.advanceTimersByTime(1_000);
  expect(shown).toEqual(["Asking"]);
  work.reject(new Error("failed"));
  await expect(waiting).rejects.toThrow("failed");
  expect(shown).toEqual(["Asking", "hidden"]);
});

test("an interrupt hides the progress at once, so that the terminal gets its cursor back", () => {
  const { shown, interrupt, waitFor } = terminal();
  void waitFor("Asking", new Promise(() => {}));
  vi.advanceTimersByTime(1_000);
  interrupt.abort();
  expect(shown).toEqual(["Asking", "hidden"]);
});

test("without a terminal, no timer runs", async () => {
  const waitFor = waiter({ signal: new AbortController().signal });
  const work = deferred<number>();
  const waiting = waitFor("Asking", work.promise);
  expect(vi.getTimerCount()).toBe(0);
  work.resolve(1);
  expect(await waiting).toBe(1);
});

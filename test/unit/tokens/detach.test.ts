import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { detach } from "../../../src/lib/detach.js";
import { failure, rejection } from "./fixtures.js";

test("an abort detaches one caller, and the work goes on for the others", async () => {
  let finish = (_value: string) => {};
  const shared = new Promise<string>((resolve) => {
    finish = resolve;
  });
  const leaving = new AbortController();
  const left = rejection(detach(shared, leaving.signal));
  const staying = detach(shared, new AbortController().signal);
  leaving.abort();
  expect((await left).code).toBe("aborted");
  finish("done");
  expect(await staying).toBe("done");
  expect(await detach(shared, undefined)).toBe("done");
});

test("a signal that is aborted already detaches at once", async () => {
  expect((await rejection(detach(new Promise(() => {}), AbortSignal.abort()))).code).toBe("aborted");
});

test("no listener stays, and what abandoned work rejects with is not unhandled", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const { signal } = new AbortController();
    await detach(Promise.resolve(1), signal);
    await rejection(detach(Promise.reject(failure("unavailable")), signal));
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    let fail = (_error: Error) => {};
    const work = new Promise((_, reject) => {
      fail = reject;
    });
    const leaving = new AbortController();
    const left = rejection(detach(work, leaving.signal));
    leaving.abort();
    await left;
    expect(getEventListeners(leaving.signal, "abort")).toHaveLength(0);
    fail(new Error("late"));
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", note);
  }
});

import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { pause } from "../../../src/lib/wait.js";
import { fakeClock } from "../../support/fake-clock.js";

describe("a pause", () => {
  it("is as long as it says, and leaves nothing behind", async () => {
    const clock = fakeClock();
    const { signal } = new AbortController();
    let isOver = false;
    const waiting = pause(100, { clock, signal }).then(() => {
      isOver = true;
    });
    await clock.advance(99);
    expect(isOver).toBe(false);
    await clock.advance(1);
    await waiting;
    expect(clock.pending).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it("ends with its signal, and does not begin after it", async () => {
    const clock = fakeClock();
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = pause(100, { clock, signal });
    controller.abort();
    await waiting;
    await pause(100, { clock, signal });
    expect(clock.pending).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  it.each([undefined, false, true])("keeps the process alive unless nobody waits: %s", async (unref) => {
    const clock = fakeClock();
    const waiting = pause(100, { clock, unref });
    expect(clock.pending.map(({ unrefd }) => unrefd)).toEqual([unref === true]);
    await clock.advance(100);
    await waiting;
  });
});

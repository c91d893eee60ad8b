import type { LiveClock } from "../support/live-clock.js";

/** Pauses before the clock moves. A count rather than a time, so that a busy machine gets as many. */
const pausesBeforeMove = 20;
/** Longest time in milliseconds by which the clock moves. Later timers do not belong to the work. */
const longestWait = 60_000;

/**
 * Returns how many seconds of fake time some work takes. The clock moves only after the work has not finished during a
 * number of pauses. By default, a pause is real time. Work that only waits for requests of the clock's own `fetch` is
 * measured faster with its `quiet` as the pause. Work that takes more than a minute never ends.
 */
export async function measureFakeSeconds(
  time: Pick<LiveClock, "clock" | "advance">,
  work: () => Promise<unknown>,
  pause: () => Promise<unknown> = () => new Promise((resolve) => setTimeout(resolve, 10)),
): Promise<number> {
  const { clock } = time;
  const began = clock.now();
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    for (let pauses = 0; pauses < pausesBeforeMove && !isDone; pauses += 1) {
      await pause();
    }
    const [next] = clock.pending;
    if (!isDone && next !== undefined && next.dueAt < began + longestWait)
      await time.advance(next.dueAt - clock.now());
  }
  await working;
  return (clock.now() - began) / 1_000;
}

import type { LiveClock } from "./harness.js";

/** Real pauses before the clock moves. A count rather than a time, so that a busy machine gets as many. */
const pausesBeforeMove = 20;
/** Longest time in milliseconds by which the clock moves. Later timers do not belong to the work. */
const longestWait = 60_000;

/**
 * Returns how many seconds of fake time some work takes. The clock moves only after the work has not finished during a
 * number of real pauses. Work that takes more than a minute never ends.
 */
export async function measureFakeSeconds(
  time: Pick<LiveClock, "clock" | "advance">,
  work: () => Promise<unknown>,
): Promise<number> {
  const { clock } = time;
  const began = clock.now();
  let isDone = false;
  const working = work().finally(() => {
    isDone = true;
  });
  while (!isDone) {
    for (let pauses = 0; pauses < pausesBeforeMove && !isDone; pauses += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const [next] = clock.pending;
    if (!isDone && next !== undefined && next.dueAt < began + longestWait)
      await time.advance(next.dueAt - clock.now());
  }
  await working;
  return (clock.now() - began) / 1_000;
}

import type { LiveClock } from "./harness.js";

/** So many turns without an end of what is waited for mean that it takes time. Counted: a busy machine gets as many. */
const patience = 20;
/** Milliseconds. What is due later is not of what is waited for. */
const longest = 60_000;

/**
 * How many seconds have to pass until some work is done, by a clock that stands still until nothing else helps. Work that needs
 * more than a minute never ends.
 */
export async function secondsNeeded(
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
    for (let turns = 0; turns < patience && !isDone; turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const [next] = clock.pending;
    if (!isDone && next !== undefined && next.dueAt < began + longest)
      await time.advance(next.dueAt - clock.now());
  }
  await working;
  return (clock.now() - began) / 1_000;
}

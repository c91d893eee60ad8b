/** Milliseconds. When OpenClaw loads its config again, it waits 5 s for a service to stop. */
const longestStop = 4_000;

/**
 * Stops all at once, and resolves when they have stopped, or after 4 s. What takes longer then ends by itself.
 *
 * @param {readonly (() => Promise<void>)[]} running
 */
export async function stopAll(running) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const tooLong = new Promise((resolve) => {
    timer = setTimeout(resolve, longestStop);
    timer.unref();
  });
  try {
    await Promise.race([Promise.all(running.map((stop) => stop())), tooLong]);
  } finally {
    clearTimeout(timer);
  }
}

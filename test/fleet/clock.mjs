/** The system clock, which can also be moved forward. Timers that are due by then run at once. */
export function movableClock() {
  const timers = new Set();
  let offset = 0;
  const now = () => Date.now() + offset;

  function arm(timer) {
    clearTimeout(timer.handle);
    const run = () => {
      timers.delete(timer);
      timer.callback();
    };
    timer.handle = setTimeout(run, Math.min(Math.max(timer.dueAt - now(), 0), 2 ** 31 - 1));
    if (timer.isUnrefd) timer.handle.unref();
  }

  return {
    now,
    setTimeout(callback, milliseconds) {
      const timer = { callback, dueAt: now() + milliseconds, isUnrefd: false };
      timers.add(timer);
      arm(timer);
      return {
        unref() {
          timer.isUnrefd = true;
          timer.handle.unref();
        },
        cancel() {
          timers.delete(timer);
          clearTimeout(timer.handle);
        },
      };
    },
    advance(milliseconds) {
      offset += milliseconds;
      for (const timer of timers) arm(timer);
    },
  };
}

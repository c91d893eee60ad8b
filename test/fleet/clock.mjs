/** The time of this machine, which can be moved on: what is due by then runs at once, whatever else takes its time. */
export function movableClock() {
  const timers = new Set();
  let passed = 0;
  const now = () => Date.now() + passed;

  function arm(timer) {
    clearTimeout(timer.handle);
    const due = () => {
      timers.delete(timer);
      timer.callback();
    };
    timer.handle = setTimeout(due, Math.min(Math.max(timer.dueAt - now(), 0), 2 ** 31 - 1));
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
    pass(milliseconds) {
      passed += milliseconds;
      for (const timer of timers) arm(timer);
    },
  };
}

/**
 * So many turns of `turn` without anything happening mean that nothing will, but with time: about a second. They are
 * counted and not timed: on a busy machine this process and the servers in it get fewer turns, all alike.
 */
export const patience = 100;

/** Lets ten milliseconds of real time pass, or more where the process has other things to do. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

/**
 * After this number of turns without any event, a request is considered to wait only for time to pass: about one
 * second. Turns are counted instead of measuring time, because on a busy machine this process and the servers in it all
 * get fewer turns.
 */
export const patience = 100;

/** Waits ten milliseconds of real time, or longer if the process is busy. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

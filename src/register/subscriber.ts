/**
 * Returns a listener of a diagnostics channel that never throws. Node treats an error of a listener as an uncaught
 * exception, which ends the process, and another package decides what a message contains. A message that causes an
 * error is skipped.
 */
export function subscriber(listener: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    try {
      listener(message);
    } catch {
      // The request is sent unchanged.
    }
  };
}

/**
 * A listener of a diagnostics channel. What one throws, Node takes for an uncaught exception, which ends the process; and what
 * stands in a message is another package's doing. Such a message is passed over.
 */
export function subscriber(listener: (message: unknown) => void): (message: unknown) => void {
  return (message) => {
    try {
      listener(message);
    } catch {
      // The request is sent as it is.
    }
  };
}

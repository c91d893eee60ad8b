let isCommand = false;

/** Notes that this process runs the command, and so no code that is not of this package. */
export function markCommandProcess(): void {
  isCommand = true;
}

/** Returns whether this process runs the command. In all others, a host may have changed anything before. */
export function isCommandProcess(): boolean {
  return isCommand;
}

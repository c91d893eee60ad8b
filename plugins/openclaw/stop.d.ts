export function stopAll(running: readonly (() => Promise<void>)[]): Promise<void>;

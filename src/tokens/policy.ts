/** The moments of a token's life, milliseconds since the epoch, in this order. */
export interface Timeline {
  /** From here on it is renewed, and still handed out. */
  readonly staleAt: number;
  /** From here on it is handed out only when no other can be had. */
  readonly unusableAt: number;
  readonly expiresAt: number;
}

export interface RefreshPolicy {
  /** In place of the computed window, milliseconds before a token becomes unusable. */
  readonly ahead?: number | undefined;
  /** Share of the window by which a renewal may come earlier, so that a fleet does not ask all at once. */
  readonly jitter: number;
  /** 0 to 1. */
  readonly random: () => number;
}

// Clocks differ and requests take time: this much of the end is left unused.
const longestLeeway = 30_000;
const shortestWindow = 300_000;
const shortestPause = 100;
const shortestCooldown = 1_000;
const longestCooldown = 60_000;

/** However short tokens live, they are not renewed in the background more often than this, in milliseconds. */
export const shortestInterval = 1_000;

/** When a token is to be renewed and when it must not be used any more. Its lifetime counts from the request. */
export function timeline(
  token: { readonly requestedAt: number; readonly expiresAt: number },
  { ahead, jitter, random }: RefreshPolicy,
): Timeline {
  const { requestedAt, expiresAt } = token;
  const lifetime = Math.max(expiresAt - requestedAt, 0);
  const unusableAt = expiresAt - Math.min(longestLeeway, lifetime * 0.1);
  const computed = Math.min(lifetime * 0.25, Math.max(shortestWindow, lifetime * 0.05));
  // Cut after the jitter: a token that is stale on arrival would be renewed without end.
  const window = Math.min((ahead ?? computed) * (1 + jitter * random()), lifetime * 0.5);
  const staleAt = Math.floor(unusableAt - window);
  return { staleAt, unusableAt, expiresAt };
}

/**
 * When to try again after a renewal failed or brought no more time, while there is a usable token: later each time,
 * but after at most a quarter of what remains, so that there are several tries before the token is unusable. Close to
 * that moment the pause no longer shrinks: a server that is down is not asked ever faster, and one that refuses what
 * only a person can mend, and may lock out who insists, not more than once a second.
 */
export function retryAt(now: number, unusableAt: number, failures: number, retryable: boolean): number {
  const grown = 1_000 * 2 ** Math.min(failures - 1, 6);
  const shortest = retryable ? shortestPause : shortestInterval;
  return Math.floor(now + Math.max(Math.min(grown, (unusableAt - now) / 4), shortest));
}

/** Milliseconds that the n-th cool-down in a row lasts, from 1. */
export function cooldownLength(n: number): number {
  return Math.min(shortestCooldown * 2 ** Math.min(n - 1, 6), longestCooldown);
}

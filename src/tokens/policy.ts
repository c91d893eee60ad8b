/** The times of a token, in milliseconds since the epoch and in this order. */
export interface Timeline {
  /** From then on it is renewed in the background, and still returned. */
  readonly staleAt: number;
  /** From then on it is returned only if no other token can be obtained. */
  readonly unusableAt: number;
  readonly expiresAt: number;
}

export interface RefreshPolicy {
  /** Milliseconds before a token becomes unusable at which it is renewed. Replaces the computed window. */
  readonly ahead?: number | undefined;
  /** Share of the window by which a renewal may come earlier, so that the requests of a fleet are spread. */
  readonly jitter: number;
  /** 0 to 1. */
  readonly random: () => number;
}

// The end of the lifetime is left unused, because clocks differ and requests take time.
const longestLeeway = 30_000;
const shortestWindow = 300_000;
const shortestPause = 100;
const shortestCooldown = 1_000;
const longestCooldown = 60_000;

/** Minimum of milliseconds between two background renewals, however short the lifetime of tokens is. */
export const shortestInterval = 1_000;

/** Returns when a token is renewed and until when it is used. The lifetime counts from the request. */
export function timeline(
  token: { readonly requestedAt: number; readonly expiresAt: number },
  { ahead, jitter, random }: RefreshPolicy,
): Timeline {
  const { requestedAt, expiresAt } = token;
  const lifetime = Math.max(expiresAt - requestedAt, 0);
  const unusableAt = expiresAt - Math.min(longestLeeway, lifetime * 0.1);
  const computed = Math.min(lifetime * 0.25, Math.max(shortestWindow, lifetime * 0.05));
  // Limited after the jitter, because a token that is stale on arrival would be renewed without end.
  const window = Math.min((ahead ?? computed) * (1 + jitter * random()), lifetime * 0.5);
  const staleAt = Math.floor(unusableAt - window);
  return { staleAt, unusableAt, expiresAt };
}

/**
 * Returns when to try again after a renewal that failed or brought no more time, while there is a usable token. The
 * pause doubles each time, up to a quarter of the remaining time, so that there are several attempts before the token
 * becomes unusable. It has a lower bound, so that a server that is down does not get requests faster and faster. After
 * a permanent failure the bound is one second, because the server may lock out the client.
 */
export function retryAt(now: number, unusableAt: number, failures: number, retryable: boolean): number {
  const doubled = 1_000 * 2 ** Math.min(failures - 1, 6);
  const shortest = retryable ? shortestPause : shortestInterval;
  return Math.floor(now + Math.max(Math.min(doubled, (unusableAt - now) / 4), shortest));
}

/** Returns the milliseconds of the n-th cool-down in a row, counted from 1. */
export function cooldownLength(n: number): number {
  return Math.min(shortestCooldown * 2 ** Math.min(n - 1, 6), longestCooldown);
}

// When tokens are renewed, and how requests are repeated.

export interface RetrySpec {
  readonly attempts: number;
  /** Milliseconds. */
  readonly min: number;
  /** Milliseconds. */
  readonly max: number;
}

export interface RefreshSpec {
  /** `false`: tokens are renewed on demand only, without a timer. */
  readonly automatic: boolean;
  readonly schedule?: string;
  readonly timezone: string;
  /** The share of the renewal window by which a renewal may be earlier, 0 to 1. */
  readonly jitter: number;
  /** Milliseconds before the token becomes unusable. Replaces the computed renewal window. */
  readonly ahead?: number;
  /** Milliseconds without use after which renewals stop. Absent: they never stop. */
  readonly idle?: number;
  /** Milliseconds. The lifetime of a token that does not state one. */
  readonly assumedLifetime: number;
}

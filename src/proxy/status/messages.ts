// What the status page gets from the proxy, as the data of server-sent events. Times are milliseconds since the epoch.
// Everything comes from the config, from the clock, or from this program. Nothing is a secret or a text of a server. This
// file imports nothing, because it is also part of a program for browsers.

/** The event `proxy`: sent first, and whenever it changes. */
export interface ProxyView {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly ready: boolean;
  readonly readySince: number;
  /** `undefined` if the config has no store, so that tokens are only in memory. */
  readonly store?: { readonly failure?: string };
  readonly entries: readonly ProxyEntry[];
}

/** The event `servers`: those that have changed, and the names of those that are no longer served. */
export interface ServersView {
  readonly servers: readonly ServerView[];
  readonly removed: readonly string[];
}

/** The event `beat`: sent every few seconds, so that the page notices when it is disconnected. */
export interface Beat {
  /** The time of the machine of the proxy, which may differ from that of the viewer. */
  readonly now: number;
  /** Servers whose state was not sent yet. */
  readonly waiting: number;
}

/** As in `TokenManagerStatus`. */
export interface ServerView {
  readonly server: string;
  readonly state: string;
  readonly expiresAt?: number;
  readonly nextRefreshAt?: number;
  readonly rejectedAt?: number;
  readonly kid?: string;
  readonly lastError?: {
    readonly code: string;
    readonly message: string;
    /** The ids of the causes that the message explains. */
    readonly findings: readonly string[];
  };
  readonly history?: ServerHistory;
}

/** What happened to one server since the proxy was started. */
export interface ServerHistory {
  readonly issuer?: string;
  /** When the current token was requested. */
  readonly issuedAt?: number;
  /** The latest renewals, the oldest first. */
  readonly renewals: readonly Renewal[];
  /** All renewals, also those that `renewals` no longer has. */
  readonly renewalCount: number;
  readonly firstRenewalAt?: number;
  /** Absent if no call was passed on yet. */
  readonly calls?: Calls;
  /** Failures and changes, the latest last, by when they last happened. */
  readonly entries: readonly Entry[];
  /** Entries that were dropped because there were too many. */
  readonly dropped: number;
}

export type Renewal = readonly [at: number, reason: string];

/** The outcomes of the latest calls that were passed on. */
export interface Calls {
  readonly count: number;
  readonly failed: number;
  /** Failed calls since the last one that succeeded. */
  readonly failedInRow: number;
  /** The code is one of ours, or "5xx" for a status of the server. */
  readonly lastFailed?: { readonly at: number; readonly code: string };
}

export interface Entry {
  /** `calls`: calls that were passed on have failed. */
  readonly kind: "failed" | "warning" | "rejected" | "cooldown" | "calls" | "store" | "secret" | "key";
  /** When it happened, or first happened. */
  readonly at: number;
  /** When the same thing happened again for the last time. */
  readonly lastAt: number;
  readonly count: number;
  /** When it began again, after it had ended for a short time. */
  readonly resumedAt?: number;
  /** Why the tokens were requested. */
  readonly reasons: readonly string[];
  readonly code?: string;
  /** The `error` of the authorization server, if it is a registered code. */
  readonly oauthError?: string;
  readonly message?: string;
  /** The pause after it, during which there is no token. */
  readonly pausedUntil?: number;
  /** Calls failed because there was no token. */
  readonly isAboutToken?: boolean;
  /** Tokens that were requested since the server refused one, and has not accepted any call. */
  readonly tokens?: number;
  /**
   * When the next token arrived; for `calls` and `rejected`, when a call succeeded; for `store`, when it was usable. The
   * first token with a new key or secret shows that it was accepted.
   */
  readonly recoveredAt?: number;
}

export interface ProxyEntry {
  readonly kind: "started" | "ready" | "not-ready" | "reloaded" | "store";
  readonly at: number;
  /** Of an outage of the store: why, and when it was usable again. */
  readonly message?: string;
  readonly until?: number;
  /** Of a reload: how many servers were added, changed and removed. */
  readonly changes?: { readonly added: number; readonly changed: number; readonly removed: number };
}

import type { Entry, ServerView } from "../messages.js";

export type Level = "bad" | "warn" | "good" | "idle";

/** What a server needs, in the order in which the page shows them. */
export const levels: readonly Level[] = ["bad", "warn", "idle", "good"];

/**
 * `bad`: calls fail. `warn`: calls succeed, but the last attempt to get a token failed. `idle`: there is no token now,
 * because nobody needs one.
 */
export function levelOf({ state, lastError, rejectedAt }: ServerView): Level {
  if (rejectedAt !== undefined || state === "cooldown") return "bad";
  if ((state === "none" || state === "expired") && lastError !== undefined) return "bad";
  if (lastError !== undefined) return "warn";
  return state === "fresh" || state === "stale" ? "good" : "idle";
}

const meanings: Readonly<Record<string, string>> = {
  none: "No token was needed yet. The first call requests one.",
  fresh: "The token is valid, and calls use it at once.",
  stale: "The token is valid, and a renewal is due. Calls still use it at once.",
  expired: "The token has expired. The next call requests another one and waits for it.",
  cooldown: "There is no usable token. After a failure, calls fail at once until the pause ends.",
  asleep: "Nobody used the server for a while, so its token is not renewed. The next call requests one.",
  stopped: "The proxy is stopping, and requests no more tokens.",
};

export function meaningOf(state: string): string {
  return meanings[state] ?? state;
}

/** Where the cause of an error most likely is, for the question "is it us, or them?". */
const places: Readonly<Record<string, string>> = {
  config_not_found: "here: the config",
  config_invalid: "here: the config",
  secret_unavailable: "here: a secret of the config",
  key_invalid: "here: a key or certificate of the config",
  signer_unavailable: "here: the signer of the config",
  unknown_server: "here: the config",
  insecure_url: "here: a URL of the config",
  egress_denied: "here: a URL that the config does not allow",
  sender_constrained: "here: how the token is used",
  store_unavailable: "the store",
  discovery_failed: "the metadata of the MCP server or the authorization server",
  issuer_mismatch: "the authorization server: its issuer differs from the config",
  resource_mismatch: "the MCP server: its metadata differs from the config",
  unsupported_by_server: "the authorization server",
  token_request_rejected: "the authorization server: it refused the request",
  token_response_invalid: "the authorization server",
  unauthorized: "the MCP server: it refused the token",
  insufficient_scope: "the MCP server: it wants more scopes",
  unavailable: "a server that was asked, or the way to it",
  tls_failed: "the TLS connection to a server",
  timeout: "a server that was asked, or the way to it",
  clock_skew: "the clock of this machine or of a server",
};

export function placeOf(code: string | undefined): string | undefined {
  return code === undefined ? undefined : places[code];
}

/** What happened, in a few words. */
export function titleOf({ kind, count, code, oauthError }: Entry): string {
  const times = count > 1 ? ` ${count} times` : "";
  const by = [code, oauthError].filter((each) => each !== undefined).join(", ");
  const why = by === "" ? "" : `: ${by}`;
  switch (kind) {
    case "failed":
      return `No new token${times}${why}`;
    case "cooldown":
      return `Pause after a failure${why}`;
    case "rejected":
      return `The server refused the token${times}`;
    case "warning":
      return `Warning${times}${why}`;
    case "store":
      return `The store cannot be used${times}`;
    case "secret":
      return "New client secret";
    case "key":
      return "New key or certificate";
  }
}

export function entryLevel({ kind }: Entry): "bad" | "warn" | "change" {
  if (kind === "secret" || kind === "key") return "change";
  return kind === "warning" || kind === "store" ? "warn" : "bad";
}

const reasons: Readonly<Record<string, string>> = {
  demand: "for a call",
  expiry: "before expiry",
  schedule: "by schedule",
  rejected: "after a refusal",
  forced: "by request",
};

export function reasonText(reason: string): string {
  return reasons[reason] ?? reason;
}

/** The sentence at the top: what an operator wants to know first. */
export function headline(counts: Readonly<Record<Level, number>>, refused: number): string {
  const total = counts.bad + counts.warn + counts.good + counts.idle;
  const servers = (count: number): string => `${count} of ${total} ${total === 1 ? "server" : "servers"}`;
  const has = (count: number): string => (count === 1 ? "has" : "have");
  if (total === 0) return "This proxy serves no server";
  if (counts.bad > refused) {
    const missing = counts.bad - refused;
    const also =
      refused === 0 ? "" : `; ${refused} more ${refused === 1 ? "refuses its" : "refuse their"} token`;
    return `${servers(missing)} ${has(missing)} no usable token${also}`;
  }
  if (refused > 0) return `${servers(refused)} ${refused === 1 ? "refuses its" : "refuse their"} token`;
  if (counts.warn > 0)
    return `${servers(counts.warn)} could not renew ${counts.warn === 1 ? "its" : "their"} token`;
  if (counts.idle === 0)
    return total === 1 ? "The server has a usable token" : `All ${total} servers have a usable token`;
  return counts.good === 0
    ? `No server has a problem; no token was needed yet`
    : `No server has a problem: ${counts.good} ${has(counts.good)} a token, ${counts.idle} ${counts.idle === 1 ? "needs" : "need"} none now`;
}

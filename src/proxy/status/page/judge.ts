import type { Entry, ServerView } from "../messages.js";

export type Level = "bad" | "warn" | "good" | "idle";

/** What a server needs, in the order in which the page shows them. */
export const levels: readonly Level[] = ["bad", "warn", "idle", "good"];

/** Since when the MCP server has refused one token after another, `undefined` if it does not. */
export function refusingSince({ history }: ServerView): number | undefined {
  const entry = refusalIn(history?.entries ?? []);
  return entry && (entry.resumedAt ?? entry.at);
}

function refusalIn(entries: readonly Entry[]): Entry | undefined {
  return entries.findLast(
    ({ kind, recoveredAt, count, tokens = 0 }) =>
      kind === "rejected" && recoveredAt === undefined && count > 1 && tokens > 0,
  );
}

export function isRefused(view: ServerView): boolean {
  return view.rejectedAt !== undefined || refusingSince(view) !== undefined;
}

/** Whether the last calls failed, although there is a token that the server has not refused. */
export function isUnreachable(view: ServerView): boolean {
  const { state, history } = view;
  if (isRefused(view) || (state !== "fresh" && state !== "stale" && state !== "asleep")) return false;
  return (history?.calls?.failedInRow ?? 0) > 1;
}

/**
 * `bad`: calls fail. `warn`: calls succeed, but the last attempt to get a token failed. `idle`: there is no token now,
 * because nobody needs one.
 */
export function levelOf(view: ServerView): Level {
  const { state, lastError } = view;
  if (isRefused(view) || isUnreachable(view) || state === "cooldown") return "bad";
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
  token_request_rejected: "the authorization server, which refused the request",
  token_response_invalid: "the authorization server",
  unauthorized: "at the MCP server, which refused the token",
  insufficient_scope: "at the MCP server, which wants more scopes",
  unavailable: "a server that was asked, or the way to it",
  tls_failed: "the TLS connection to a server",
  timeout: "a server that was asked, or the way to it",
  clock_skew: "the clock of this machine or of a server",
};

/** Failures of the way to a server, or of its answer. What was asked for says which server it is. */
const ofWay: ReadonlySet<string> = new Set(["unavailable", "timeout", "tls_failed", "5xx"]);

/**
 * @param kind of the entry: the token is requested from the authorization server, and a call is passed on to the MCP server
 * @param issuer of the config
 */
export function placeOf(
  code: string | undefined,
  kind: Entry["kind"] = "failed",
  issuer?: string,
): string | undefined {
  if (code === undefined) return undefined;
  const authorizationServer = `at the authorization server${issuer === undefined ? "" : ` (${issuer})`}`;
  if (ofWay.has(code)) {
    if (kind === "calls") return "at the MCP server, or on the way to it";
    if (kind === "warning") return "at the server that the message names, or on the way to it";
    if (issuer !== undefined) return `${authorizationServer}, or on the way to it`;
  }
  return places[code]?.replace(/^the authorization server/, authorizationServer);
}

/** What happened, in a few words. */
export function titleOf({ kind, count, code, oauthError, recoveredAt, isAboutToken }: Entry): string {
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
    case "calls":
      return `${count} ${count === 1 ? "call" : "calls"} failed${isAboutToken === true ? " without a token" : ""}${why}`;
    case "warning":
      return `Warning${times}${why}`;
    case "store":
      return `The store cannot be used${times}`;
    case "secret":
      return `New client secret${acceptance(recoveredAt)}`;
    case "key":
      return `New key or certificate${acceptance(recoveredAt)}`;
  }
}

/** The first token shows that the authorization server has accepted a new credential. */
function acceptance(firstTokenAt: number | undefined): string {
  return firstTokenAt === undefined ? ", no token with it yet" : ", accepted";
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
export function headline(counts: Readonly<Record<Level, number>>, refused: number, unreachable = 0): string {
  const failing = `${unreachable} ${unreachable === 1 ? "server fails" : "servers fail"} all calls although ${unreachable === 1 ? "its token is" : "their tokens are"} fine`;
  if (unreachable === 0) return tokenHeadline(counts, refused);
  if (counts.bad === unreachable) return failing;
  return `${tokenHeadline({ ...counts, bad: counts.bad - unreachable, idle: counts.idle + unreachable }, refused)}; ${failing}`;
}

function tokenHeadline(counts: Readonly<Record<Level, number>>, refused: number): string {
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

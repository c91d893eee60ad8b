import type { Entry, ServerHistory, ServerView } from "../messages.js";
import { element } from "./elements.js";
import {
  entryLevel,
  isRefused,
  isUnreachable,
  levelOf,
  meaningOf,
  placeOf,
  reasonText,
  refusingSince,
  titleOf,
} from "./judge.js";
import { duration, localTime, now, timeElement, utc } from "./times.js";

/** Everything that is known about one server, in words. */
export function details(view: ServerView): readonly HTMLElement[] {
  const problem = problemOf(view);
  const values = element("dl", { class: "values" }, ...valuesOf(view));
  const top = problem === undefined ? values : element("div", { class: "columns-2" }, values, problem);
  return [top, history(view)];
}

function valuesOf(view: ServerView): HTMLElement[] {
  const { state, expiresAt, nextRefreshAt, rejectedAt, kid, history } = view;
  const { issuer, issuedAt, renewalCount = 0, firstRenewalAt } = history ?? {};
  const values: (readonly [string, Node | string])[] = [["State", `${state}. ${meaningOf(state)}`]];
  const time = (name: string, at: number | undefined): void => {
    if (at !== undefined) values.push([name, element("span", {}, timeElement(at), ` · ${utc(at)}`)]);
  };
  time("Refused", rejectedAt);
  time("Issued", issuedAt);
  time("Expires", expiresAt);
  time("Next renewal", nextRefreshAt);
  const calls = callsText(view);
  if (calls !== undefined) values.push(["Calls", calls]);
  if (kid !== undefined) values.push(["Key id", element("code", {}, kid)]);
  if (issuer !== undefined) values.push(["Issuer", element("code", {}, issuer)]);
  if (firstRenewalAt !== undefined)
    values.push(["New tokens", element("span", {}, `${renewalCount} since `, timeElement(firstRenewalAt))]);
  return values.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

function callsText(view: ServerView): string | undefined {
  const { calls } = view.history ?? {};
  if (calls === undefined) return undefined;
  const { failed, count, lastFailed } = calls;
  if (lastFailed === undefined || failed === 0)
    return count === 1 ? "The last one succeeded" : `The last ${count} succeeded`;
  const parts = [
    `${failed} of the last ${count} failed`,
    `the last at ${localTime(lastFailed.at)} (${lastFailed.code})`,
  ];
  if (isUnreachable(view)) parts.push("the token is fine");
  return parts.join(", ");
}

/** The current problem, with what to do. */
function problemOf(view: ServerView): HTMLElement | undefined {
  const { server, lastError } = view;
  const since = refusingSince(view);
  if (since !== undefined) return refusedAgain(view, since);
  if (isUnreachable(view)) return unreachable(view);
  if (lastError === undefined && !isRefused(view)) return undefined;
  const level = levelOf(view) === "bad" ? "bad" : "warn";
  const place = placeOf(lastError?.code ?? "unauthorized", "failed", view.history?.issuer);
  const findings = lastError?.findings ?? [];
  return element(
    "section",
    { class: "problem", "data-level": level },
    element(
      "h4",
      {},
      lastError === undefined ? "The server refuses this token" : `Last error: ${lastError.code}`,
    ),
    place !== undefined && element("p", { class: "muted" }, `Where: ${place}`),
    element(
      "p",
      { class: "message" },
      lastError?.message ??
        "The token is not expired. Another one is requested with the next call, within limits. If the server refuses " +
          "that one too, its resource, scopes or audience may be wrong.",
    ),
    findings.length > 0 && element("p", {}, "Cause: ", element("code", {}, findings.join(", "))),
    element("p", {}, "To check each step: ", element("code", {}, `npx mcp-auth-runtime doctor ${server}`)),
  );
}

function refusedAgain({ server, lastError, history: known }: ServerView, since: number): HTMLElement {
  const tokens = known?.entries.findLast(({ kind }) => kind === "rejected")?.tokens ?? 0;
  const count = tokens === 1 ? "1 new token was" : `${tokens} new tokens were`;
  return section(
    `The MCP server has refused every token since ${localTime(since)}`,
    `${count} requested since then, and no call was accepted.`,
    lastError?.message ??
      'Compare "issuer", "audience", "resource" and "scopes" of the config with what the server expects.',
    server,
  );
}

function unreachable({ server, history: known }: ServerView): HTMLElement {
  const entry = known?.entries.findLast(({ kind }) => kind === "calls");
  const since = entry && (entry.resumedAt ?? entry.at);
  return section(
    `Calls fail${since === undefined ? "" : ` since ${localTime(since)}`}, and the token is fine`,
    `Where: ${placeOf(entry?.code, "calls") ?? "at the MCP server"}. This is not about tokens.`,
    entry?.message ?? "The server answers calls with a status of 500 or more. Look at its log.",
    server,
  );
}

function section(title: string, summary: string, message: string, server: string): HTMLElement {
  return element(
    "section",
    { class: "problem", "data-level": "bad" },
    element("h4", {}, title),
    element("p", {}, summary),
    element("p", { class: "message" }, message),
    element("p", {}, "To check each step: ", element("code", {}, `npx mcp-auth-runtime doctor ${server}`)),
  );
}

function history({ history: known }: ServerView): HTMLElement {
  const title = element("h4", {}, "What happened");
  const rows = known === undefined ? [] : historyRows(known);
  if (rows.length === 0) {
    const none = element("p", { class: "muted" }, "Nothing since the proxy was started.");
    return element("section", { class: "history" }, title, none);
  }
  const { dropped = 0 } = known ?? {};
  const left = dropped > 0 && element("p", { class: "muted" }, `${dropped} older entries were dropped.`);
  return element("section", { class: "history" }, title, element("ol", { class: "entries" }, ...rows), left);
}

/** The entries and the renewals between them, the latest first. Renewals in a row are one line. */
function historyRows({
  issuer,
  entries,
  renewals,
  renewalCount,
  firstRenewalAt,
}: ServerHistory): HTMLElement[] {
  const moments = [
    ...entries.map((entry) => ({ at: entry.lastAt, entry, reason: "" })),
    ...renewals.map(([at, reason]) => ({ at, entry: undefined, reason })),
  ].sort((a, b) => b.at - a.at);
  const rows: HTMLElement[] = [];
  let run: { from: number; to: number; count: number; reasons: Set<string> } | undefined;
  const endRun = (): void => {
    if (run !== undefined) rows.push(renewalRow(run));
    run = undefined;
  };
  for (const { at, entry, reason } of moments) {
    if (entry !== undefined) {
      endRun();
      rows.push(entryRow(entry, issuer));
    } else {
      run ??= { from: at, to: at, count: 0, reasons: new Set() };
      run.from = at;
      run.count += 1;
      run.reasons.add(reasonText(reason));
    }
  }
  const earlier = renewalCount - renewals.length;
  if (earlier > 0 && firstRenewalAt !== undefined) {
    endRun();
    const until = renewals[0]?.[0] ?? firstRenewalAt;
    rows.push(renewalRow({ from: firstRenewalAt, to: until, count: earlier, reasons: new Set() }));
  }
  endRun();
  return rows;
}

interface Run {
  readonly from: number;
  readonly to: number;
  readonly count: number;
  readonly reasons: ReadonlySet<string>;
}

function renewalRow({ from, to, count, reasons }: Run): HTMLElement {
  const why = reasons.size === 0 ? "" : `, ${[...reasons].join(", ")}`;
  const title = element("strong", {}, count === 1 ? "New token" : `${count} new tokens`);
  return element("li", { "data-level": "good" }, when(from, to), element("span", {}, title, why));
}

function entryRow(entry: Entry, issuer: string | undefined): HTMLElement {
  const { kind, at, lastAt, reasons, code, message, pausedUntil, recoveredAt } = entry;
  const level = entryLevel(entry);
  const place = entry.isAboutToken === true ? undefined : placeOf(code, kind, issuer);
  const isOver = recoveredAt !== undefined;
  const notes = [
    level !== "change" &&
      reasons.length > 0 &&
      kind !== "rejected" &&
      `requested ${reasons.map(reasonText).join(", ")}`,
    place !== undefined && `where: ${place}`,
    !isOver &&
      pausedUntil !== undefined &&
      pausedUntil > now() &&
      `next try in ${duration(pausedUntil - now())}`,
    endText(entry),
  ].filter((note) => note !== false && note !== undefined);
  const text = element(
    "span",
    {},
    element("strong", {}, titleOf(entry)),
    element("span", { class: "muted" }, notes.length > 0 && ` · ${notes.join(" · ")}`),
    message !== undefined && element("p", { class: "message" }, message),
  );
  return element("li", { "data-level": level }, when(at, lastAt), text);
}

/** When what an entry tells was over, or that it goes on. */
function endText({ kind, at, resumedAt, recoveredAt, tokens = 0 }: Entry): string | undefined {
  if (kind === "warning") return undefined;
  if (recoveredAt === undefined) {
    if (kind === "rejected" && tokens > 0)
      return `no call was accepted since, with ${tokens} ${tokens === 1 ? "new token" : "new tokens"}`;
    return kind === "secret" || kind === "key" ? undefined : "not over yet";
  }
  const end = `${localTime(recoveredAt)}, ${duration(recoveredAt - (resumedAt ?? at))} after the ${resumedAt === undefined ? "beginning" : "last beginning"}`;
  switch (kind) {
    case "secret":
    case "key":
      return `first token with it at ${localTime(recoveredAt)}`;
    case "calls":
      return `over at ${end}`;
    case "rejected":
      return `a call was accepted at ${end}`;
    case "store":
      return `usable again at ${end}`;
    default:
      return `a token arrived at ${end}`;
  }
}

function when(from: number, to: number): HTMLElement {
  return from === to
    ? element("span", { class: "when" }, timeElement(from))
    : element("span", { class: "when" }, timeElement(from), " – ", timeElement(to));
}

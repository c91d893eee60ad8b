import type { Entry, ServerHistory, ServerView } from "../messages.js";
import { element } from "./elements.js";
import { entryLevel, levelOf, meaningOf, placeOf, reasonText, titleOf } from "./judge.js";
import { duration, now, timeElement, utc } from "./times.js";

/** Everything that is known about one server, in words. */
export function details(view: ServerView): readonly HTMLElement[] {
  const problem = problemOf(view);
  const values = element("dl", { class: "values" }, ...valuesOf(view));
  const top = problem === undefined ? values : element("div", { class: "columns-2" }, values, problem);
  return [top, history(view)];
}

function valuesOf({ state, expiresAt, nextRefreshAt, rejectedAt, kid, history }: ServerView): HTMLElement[] {
  const { issuer, issuedAt, renewalCount = 0, firstRenewalAt } = history ?? {};
  const values: (readonly [string, Node | string])[] = [["State", `${state}. ${meaningOf(state)}`]];
  const time = (name: string, at: number | undefined): void => {
    if (at !== undefined) values.push([name, element("span", {}, timeElement(at), ` · ${utc(at)}`)]);
  };
  time("Refused", rejectedAt);
  time("Issued", issuedAt);
  time("Expires", expiresAt);
  time("Next renewal", nextRefreshAt);
  if (kid !== undefined) values.push(["Key id", element("code", {}, kid)]);
  if (issuer !== undefined) values.push(["Issuer", element("code", {}, issuer)]);
  if (firstRenewalAt !== undefined)
    values.push(["New tokens", element("span", {}, `${renewalCount} since `, timeElement(firstRenewalAt))]);
  return values.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

/** The current problem, with what to do. */
function problemOf(view: ServerView): HTMLElement | undefined {
  const { server, lastError, rejectedAt } = view;
  if (lastError === undefined && rejectedAt === undefined) return undefined;
  const level = levelOf(view) === "bad" ? "bad" : "warn";
  const place = placeOf(lastError?.code ?? "unauthorized");
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
function historyRows({ entries, renewals, renewalCount, firstRenewalAt }: ServerHistory): HTMLElement[] {
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
      rows.push(entryRow(entry));
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

function entryRow(entry: Entry): HTMLElement {
  const { at, lastAt, reason, code, message, pausedUntil, recoveredAt } = entry;
  const level = entryLevel(entry);
  const place = placeOf(code);
  const isOver = recoveredAt !== undefined;
  const notes = [
    level !== "change" && `requested ${reasonText(reason)}`,
    place !== undefined && `where: ${place}`,
    !isOver &&
      pausedUntil !== undefined &&
      pausedUntil > now() &&
      `next try in ${duration(pausedUntil - now())}`,
    isOver && `a token arrived ${duration(recoveredAt - at)} after the beginning`,
  ].filter((note) => note !== false);
  const text = element(
    "span",
    {},
    element("strong", {}, titleOf(entry)),
    element("span", { class: "muted" }, notes.length > 0 && ` · ${notes.join(" · ")}`),
    message !== undefined && element("p", { class: "message" }, message),
  );
  return element("li", { "data-level": level }, when(at, lastAt), text);
}

function when(from: number, to: number): HTMLElement {
  return from === to
    ? element("span", { class: "when" }, timeElement(from))
    : element("span", { class: "when" }, timeElement(from), " – ", timeElement(to));
}

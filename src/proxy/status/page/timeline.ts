import type { Entry, ServerView } from "../messages.js";
import { element } from "./elements.js";
import { titleOf } from "./judge.js";
import { duration, localTime } from "./times.js";

/** The time that the timelines show, in milliseconds since the epoch. */
export interface TimeWindow {
  readonly from: number;
  readonly to: number;
  /** Before then, nothing is known. */
  readonly startedAt: number;
}

const markOf: Readonly<Record<Entry["kind"], string>> = {
  failed: "failed",
  cooldown: "failed",
  calls: "failed",
  rejected: "rejected",
  warning: "store",
  store: "store",
  secret: "change",
  key: "change",
};

/** Draws what happened to a server. The list in its details says the same in words. */
export function timeline({ history }: ServerView, window: TimeWindow): readonly HTMLElement[] {
  const { from, to, startedAt } = window;
  const part = (at: number): number => (100 * (Math.min(Math.max(at, from), to) - from)) / (to - from);
  const marks: HTMLElement[] = [];
  const place = (kind: string, at: number, until?: number): void => {
    if ((until ?? at) < from || at > to) return;
    const mark = element("i", { class: `mark ${kind}` });
    mark.style.left = `${part(at)}%`;
    if (until !== undefined) mark.style.width = `${part(until) - part(at)}%`;
    marks.push(mark);
  };
  if (startedAt > from) place("unknown", from, startedAt);
  const { renewals = [], entries = [], firstRenewalAt } = history ?? {};
  for (const [at] of renewals) place("renewal", at);
  const [oldest] = renewals;
  // Those before it are only counted.
  if (oldest !== undefined && firstRenewalAt !== undefined && firstRenewalAt < oldest[0])
    place("renewal earlier", firstRenewalAt, oldest[0]);
  for (const entry of entries) {
    const kind = markOf[entry.kind];
    if (kind === "failed") place(kind, entry.at, entry.recoveredAt ?? to);
    else if (kind === "change") place(kind, entry.at);
    // A refusal lasts until a call is accepted.
    else place(kind, entry.at, entry.kind === "rejected" ? (entry.recoveredAt ?? to) : entry.lastAt);
  }
  return marks;
}

/** Says in a sentence what a timeline shows. */
export function timelineText({ history }: ServerView, { from, to }: TimeWindow): string {
  const within = (history?.entries ?? []).filter(
    ({ lastAt, recoveredAt }) => (recoveredAt ?? lastAt) >= from,
  );
  const renewals = (history?.renewals ?? []).filter(([at]) => at >= from).length;
  const latest = within.at(-1);
  const parts = [
    `Last ${duration(to - from)}: ${renewals} ${renewals === 1 ? "renewal" : "renewals"}`,
    within.length === 0
      ? "no failure or change"
      : `${within.length} ${within.length === 1 ? "entry" : "entries"}`,
  ];
  const last = latest && `The last one: ${titleOf(latest)}, ${localTime(latest.lastAt)}.`;
  return `${parts.join(", ")}.${last === undefined ? "" : ` ${last}`}`;
}

import type { Beat, ProxyEntry, ProxyView, ServersView } from "../messages.js";
import { announce } from "./announce.js";
import { choice } from "./choice.js";
import { Connection, type ConnectionState } from "./connection.js";
import { byId, element, fill, setText } from "./elements.js";
import { headline, isRefused, isUnreachable, type Level, levelOf } from "./judge.js";
import { ServerList } from "./list.js";
import type { TimeWindow } from "./timeline.js";
import { duration, hourText, localTime, now, setNow, timeElement, utc } from "./times.js";
import { forgetToken, keepToken, takeToken } from "./token.js";

/** Milliseconds between two updates of the page, whatever the number of events. */
const updateInterval = 300;
const timelineInterval = 15_000;

let proxy: ProxyView | undefined;
let span = 6 * 3_600_000;
let connection: Connection | undefined;
let state: ConnectionState = { kind: "connecting" };
let isComplete = false;
let pendingUpdate = 0;
/** Servers that were sent on this connection, to find those that are gone. */
let sent = new Set<string>();

const timeWindow = (): TimeWindow => ({
  ...{ from: now() - span, to: now(), startedAt: proxy?.startedAt ?? 0 },
});
const list = new ServerList(timeWindow);

function onEvent(event: string, data: unknown): void {
  // The proxy of the same version sends what `messages.ts` says: page and proxy are one file.
  if (event === "beat") setNow((data as Beat).now);
  else if (event === "proxy") onProxy(data as ProxyView);
  else if (event === "servers") onServers(data as ServersView);
  else if (event === "complete") onComplete();
  plan();
}

function onProxy(view: ProxyView): void {
  if (proxy !== undefined && proxy.ready !== view.ready && isComplete)
    announce(view.ready ? "The proxy is ready." : "The proxy is not ready.");
  proxy = view;
}

function onServers({ servers, removed }: ServersView): void {
  for (const view of servers) {
    sent.add(view.server);
    const previous = list.set(view);
    const level = levelOf(view);
    if (!isComplete || previous === undefined || levelOf(previous) === level) continue;
    announce(`${view.server}: ${level === "bad" || level === "warn" ? problemText(view) : view.state}.`);
  }
  for (const server of removed) list.delete(server);
}

function problemText(view: ServersView["servers"][number]): string {
  const { state: name, lastError } = view;
  if (isUnreachable(view)) return "calls fail";
  const what = isRefused(view) ? "refused by the server" : name;
  return lastError === undefined ? what : `${what}, ${lastError.code}`;
}

function onComplete(): void {
  for (const server of list.all.keys()) if (!sent.has(server)) list.delete(server);
  isComplete = true;
}

function plan(): void {
  if (pendingUpdate !== 0) return;
  // Not with the next frame: the page shall also be up to date when it becomes visible.
  pendingUpdate = setTimeout(
    () => {
      pendingUpdate = 0;
      update();
    },
    isComplete ? updateInterval : 0,
  );
}

function update(): void {
  if (!isComplete || proxy === undefined) return;
  const wasHidden = byId("status", HTMLElement).hidden;
  byId("locked", HTMLElement).hidden = true;
  byId("status", HTMLElement).hidden = false;
  list.show();
  showSummary(proxy);
  showProxy(proxy);
  if (wasHidden) showAxis();
}

function showSummary({ ready, readySince, startedAt, version, pid }: ProxyView): void {
  const counts: Record<Level, number> = { bad: 0, warn: 0, good: 0, idle: 0 };
  let refused = 0;
  let unreachable = 0;
  let next: { server: string; at: number } | undefined;
  for (const view of list.all.values()) {
    const level = levelOf(view);
    counts[level] += 1;
    if (isRefused(view) && view.state !== "cooldown") refused += 1;
    if (isUnreachable(view)) unreachable += 1;
    const { expiresAt, server } = view;
    const isInUse = view.state === "fresh" || view.state === "stale";
    if (isInUse && expiresAt !== undefined && (next === undefined || expiresAt < next.at))
      next = { server, at: expiresAt };
  }
  const text = headline(counts, refused, unreachable);
  setText(byId("headline", HTMLElement), text);
  const problems = counts.bad + counts.warn;
  document.title = problems === 0 ? "Token status" : `(${problems}) Token status`;
  const level = counts.bad > 0 ? "bad" : counts.warn > 0 ? "warn" : "good";
  byId("headline", HTMLElement).parentElement?.setAttribute("data-level", ready ? level : "bad");
  const fact = (name: string, ...value: (Node | string)[]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, ...value));
  fill(
    byId("facts", HTMLElement),
    fact(
      ready ? "Ready since" : "Not ready since",
      timeElement(readySince),
      ` (${duration(now() - readySince)})`,
    ),
    next !== undefined &&
      fact("Expires first, of those in use", next.server, ` in ${duration(next.at - now())}`),
    fact("Store", storeText(proxy?.store)),
    fact("Proxy started", timeElement(startedAt)),
    fact("Version", `${version}, process ${pid}`),
  );
  const labels = [`All ${list.all.size.toLocaleString()}`, `Problems ${problems.toLocaleString()}`];
  for (const [index, label] of byId("shown", HTMLElement).querySelectorAll("label span").entries())
    setText(label, labels[index] ?? "");
}

function storeText(store: ProxyView["store"]): string {
  if (store === undefined) return "none, tokens are only in memory";
  return store.failure === undefined ? "usable" : "cannot be used";
}

function showProxy({ entries, store }: ProxyView): void {
  const failure = byId("store", HTMLElement);
  failure.hidden = store?.failure === undefined;
  setText(failure, store?.failure === undefined ? "" : `The store cannot be used: ${store.failure}`);
  const items = entries
    .toReversed()
    .map((entry) =>
      element(
        "li",
        {},
        element("span", { class: "when" }, timeElement(entry.at)),
        element(
          "span",
          {},
          entryText(entry),
          entry.message !== undefined && element("p", { class: "message" }, entry.message),
        ),
      ),
    );
  fill(byId("proxy-entries", HTMLElement), ...items);
}

function entryText({ kind, at, until, changes }: ProxyEntry): string {
  if (kind === "started") return "Started";
  if (kind === "ready") return "Ready: at least one server has a usable token, or needs none yet";
  if (kind === "not-ready") return "Not ready: no server has a usable token";
  if (kind === "store") {
    if (until === undefined) return "The store cannot be used";
    return `The store could not be used. Usable again at ${localTime(until)}, after ${duration(until - at)}`;
  }
  const parts = changes && `${changes.added} added, ${changes.changed} changed, ${changes.removed} removed`;
  return `Config reloaded${parts === undefined ? "" : `: ${parts}`}`;
}

function showAxis(): void {
  const { from, to } = timeWindow();
  const ticks = [0, 1, 2, 3].map((step) => {
    const at = from + ((to - from) * step) / 3;
    const tick = element("span", { title: utc(at) }, step === 3 ? "now" : axisText(at));
    tick.style.left = `${(100 * step) / 3}%`;
    return tick;
  });
  fill(byId("axis", HTMLElement), ...ticks);
}

function axisText(at: number): string {
  return span > 86_400_000 ? localTime(at).replace(/, [^,]*$/, "") : hourText(at);
}

function onState(next: ConnectionState): void {
  const wasLost = state.kind === "lost";
  state = next;
  const isLost = next.kind === "lost";
  if (next.kind === "connecting" || isLost) {
    isComplete = false;
    sent = new Set();
  }
  if (isLost && !wasLost) announce("Disconnected from the proxy.");
  if (wasLost && next.kind === "live") announce("Connected again.");
  if (next.kind === "refused") {
    forgetToken();
    lock(`The proxy refused the token. ${next.message}`);
  }
  showConnection();
}

function showConnection(): void {
  const box = byId("connection", HTMLElement);
  const kind = state.kind === "refused" ? "locked" : state.kind;
  box.dataset["state"] = kind;
  document.body.classList.toggle("stale-data", kind === "lost");
  byId("retry", HTMLButtonElement).hidden = kind !== "lost";
  setText(byId("connection-text", HTMLElement), connectionText());
}

function connectionText(): string {
  if (state.kind === "refused") return "Not connected";
  if (state.kind !== "lost") return state.kind === "live" ? "Live" : "Connecting";
  const wait = state.retryAt - Date.now();
  const why = state.reason === undefined ? "" : `: ${state.reason}`;
  const retry = wait > 0 ? `next try in ${duration(wait)}` : "trying again";
  return `Disconnected since ${localTime(state.since)} (${duration(Date.now() - state.since)})${why}, ${retry}`;
}

function lock(title: string): void {
  byId("status", HTMLElement).hidden = true;
  byId("locked", HTMLElement).hidden = false;
  setText(byId("locked-title", HTMLElement), title);
  byId("token", HTMLInputElement).focus();
}

function connect(token: string): void {
  connection?.close();
  list.clear();
  proxy = undefined;
  connection = new Connection(token, { onState, onEvent });
  connection.open();
}

byId("unlock", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  const input = byId("token", HTMLInputElement);
  const token = keepToken(input.value);
  input.value = "";
  if (token !== undefined) connect(token);
});
byId("retry", HTMLButtonElement).addEventListener("click", () => connection?.open());
addEventListener("hashchange", () => {
  const token = location.hash === "" ? undefined : takeToken();
  if (token !== undefined) connect(token);
});
choice("shown", ["All", "Problems"], 0, (index) => {
  list.onlyProblems = index === 1;
});
const spans = [1, 6, 24, 7 * 24];
choice("window", ["1 h", "6 h", "24 h", "7 d"], 1, (index) => {
  span = (spans[index] ?? 6) * 3_600_000;
  showAxis();
  list.draw();
});
setInterval(() => {
  list.tick();
  if (proxy !== undefined && isComplete) showSummary(proxy);
  if (state.kind === "lost") showConnection();
}, 1_000);
setInterval(() => {
  showAxis();
  list.draw();
}, timelineInterval);

setText(byId("origin", HTMLElement), location.host);
const first = takeToken();
if (first === undefined) {
  setText(byId("connection-text", HTMLElement), "Not connected");
  lock("This page needs the token of the proxy");
} else {
  connect(first);
}

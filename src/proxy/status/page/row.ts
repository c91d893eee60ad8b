import type { ServerView } from "../messages.js";
import { details } from "./details.js";
import { element, fill, setText } from "./elements.js";
import { isRefused, isUnreachable, levelOf } from "./judge.js";
import { type TimeWindow, timeline, timelineText } from "./timeline.js";
import { duration, now, utc } from "./times.js";

let lastId = 0;

/** One server in the list. The same elements are used as long as it is shown, so that the focus stays where it is. */
export class ServerRow {
  readonly item: HTMLLIElement;
  readonly #name: HTMLButtonElement;
  readonly #state = element("p", { class: "state" });
  readonly #life = element("span", {});
  readonly #fill = element("i", {});
  readonly #bar = element("div", { class: "bar", "aria-hidden": "true" }, this.#fill);
  readonly #next = element("p", { class: "next narrow-label", "data-label": "Next renewal" });
  readonly #marks = element("div", { class: "timeline", role: "img" });
  readonly #details: HTMLElement;
  #view: ServerView;
  /** When this page saw the expiry of the current token first, for tokens that came from the store. */
  #seen: { readonly expiresAt: number | undefined; readonly at: number };

  constructor(view: ServerView, window: TimeWindow) {
    lastId += 1;
    const id = `details-${lastId}`;
    this.#view = view;
    this.#seen = { expiresAt: view.expiresAt, at: now() };
    this.#name = element(
      "button",
      { class: "expand", type: "button", "aria-expanded": "false", "aria-controls": id },
      view.server,
    );
    this.#name.addEventListener("click", () => this.#toggle());
    this.#details = element("div", { class: "details", id });
    this.#details.hidden = true;
    const glyph = element("span", { class: "glyph", "aria-hidden": "true" });
    const row = element(
      "div",
      { class: "row" },
      element(
        "div",
        { class: "name" },
        glyph,
        element("div", {}, element("h3", {}, this.#name), this.#state),
      ),
      element("div", { class: "life" }, this.#life, this.#bar),
      this.#next,
      this.#marks,
      element("span", { class: "chevron", "aria-hidden": "true" }),
    );
    this.item = element("li", { class: "server" }, row, this.#details);
    this.update(view, window);
  }

  update(view: ServerView, window: TimeWindow): void {
    if (view.expiresAt !== this.#seen.expiresAt) this.#seen = { expiresAt: view.expiresAt, at: now() };
    this.#view = view;
    const { state, lastError, history } = view;
    const { lastFailed } = history?.calls ?? {};
    const addition = isRefused(view) ? ", refused by the server" : isUnreachable(view) ? ", calls fail" : "";
    this.item.dataset["level"] = levelOf(view);
    fill(
      this.#state,
      element("span", {}, `${state}${addition}`),
      lastError !== undefined && element("span", {}, `· ${lastError.code}`),
      isUnreachable(view) && lastFailed !== undefined && element("span", {}, `· ${lastFailed.code}`),
    );
    this.draw(window);
    if (!this.#details.hidden) this.#fillDetails();
  }

  /** Draws the timeline again, because time goes on or the window has changed. */
  draw(window: TimeWindow): void {
    fill(this.#marks, ...timeline(this.#view, window));
    this.#marks.setAttribute("aria-label", timelineText(this.#view, window));
    this.tick();
  }

  /** Updates what changes every second. */
  tick(): void {
    const { state, expiresAt, nextRefreshAt, history } = this.#view;
    const at = now();
    setText(this.#next, nextRefreshAt === undefined ? "–" : untilText(nextRefreshAt, at));
    this.#next.title =
      nextRefreshAt === undefined ? "No renewal is planned until the server is used" : utc(nextRefreshAt);
    const hasToken = expiresAt !== undefined && expiresAt > at;
    this.#bar.hidden = expiresAt === undefined;
    if (expiresAt === undefined) {
      setText(this.#life, state === "none" || state === "asleep" ? "No token" : "No usable token");
      return;
    }
    // A token that never expires.
    if (expiresAt > at + 100 * 365 * 86_400_000) {
      setText(this.#life, "Does not expire");
      this.#bar.hidden = true;
      return;
    }
    const left = duration(Math.abs(expiresAt - at));
    setText(this.#life, hasToken ? `Expires in ${left}` : `Expired ${left} ago`);
    this.#life.title = utc(expiresAt);
    const issuedAt = history?.issuedAt ?? this.#seen.at;
    const part = hasToken ? (expiresAt - at) / Math.max(expiresAt - issuedAt, 1) : 0;
    this.#fill.style.width = `${Math.min(100 * part, 100).toFixed(1)}%`;
    this.#bar.dataset["level"] = levelOf(this.#view);
  }

  #toggle(): void {
    const isOpen = this.item.classList.toggle("open");
    this.#details.hidden = !isOpen;
    this.#name.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) this.#fillDetails();
  }

  #fillDetails(): void {
    fill(this.#details, ...details(this.#view));
  }
}

function untilText(time: number, at: number): string {
  return time > at ? `in ${duration(time - at)}` : "now";
}

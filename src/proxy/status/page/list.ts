import type { ServerView } from "../messages.js";
import { byId, fill, setText } from "./elements.js";
import { isRefused, type Level, levelOf, levels } from "./judge.js";
import { ServerRow } from "./row.js";
import type { TimeWindow } from "./timeline.js";

/** Servers on one page: what a person can read, whatever the number of servers. */
const pageSize = 50;

const collator = new Intl.Collator(undefined, { numeric: true });

/** The servers, problems first, with a filter and pages. Only the rows of the current page exist. */
export class ServerList {
  readonly #servers = new Map<string, ServerView>();
  readonly #rows = new Map<string, ServerRow>();
  readonly #list = byId("servers", HTMLUListElement);
  readonly #filter = byId("filter", HTMLInputElement);
  readonly #window: () => TimeWindow;
  #onlyProblems = false;
  #page = 0;
  /** Those whose rows show an earlier state. */
  readonly #outdated = new Set<string>();

  constructor(window: () => TimeWindow) {
    this.#window = window;
    this.#filter.addEventListener("input", () => this.#turnTo(0));
    byId("previous", HTMLButtonElement).addEventListener("click", () => this.#turnTo(this.#page - 1));
    byId("next", HTMLButtonElement).addEventListener("click", () => this.#turnTo(this.#page + 1));
  }

  get all(): ReadonlyMap<string, ServerView> {
    return this.#servers;
  }

  set onlyProblems(value: boolean) {
    this.#onlyProblems = value;
    this.#turnTo(0);
  }

  /** Returns the server as it was. Call `show` when all changes are made. */
  set(view: ServerView): ServerView | undefined {
    const previous = this.#servers.get(view.server);
    this.#servers.set(view.server, view);
    this.#outdated.add(view.server);
    return previous;
  }

  delete(server: string): void {
    this.#servers.delete(server);
  }

  clear(): void {
    this.#servers.clear();
  }

  /** Updates the rows of the current page. */
  show(): void {
    const found = this.#found();
    const pages = Math.max(Math.ceil(found.length / pageSize), 1);
    this.#page = Math.min(Math.max(this.#page, 0), pages - 1);
    const first = this.#page * pageSize;
    const shown = found.slice(first, first + pageSize);
    const window = this.#window();
    const kept = new Set(shown.map(({ server }) => server));
    for (const [server, row] of this.#rows) {
      if (kept.has(server)) continue;
      row.item.remove();
      this.#rows.delete(server);
    }
    const items = shown.map((view) => {
      const row = this.#rows.get(view.server) ?? new ServerRow(view, window);
      if (this.#rows.has(view.server) && this.#outdated.has(view.server)) row.update(view, window);
      this.#rows.set(view.server, row);
      return row.item;
    });
    this.#outdated.clear();
    this.#place(items);
    this.#showPages(first, shown.length, found.length, pages);
  }

  /** Draws the timelines again. */
  draw(): void {
    const window = this.#window();
    for (const row of this.#rows.values()) row.draw(window);
  }

  tick(): void {
    for (const row of this.#rows.values()) row.tick();
  }

  #turnTo(page: number): void {
    this.#page = page;
    this.show();
  }

  #found(): readonly ServerView[] {
    const words = this.#filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const byLevel = new Map<Level, ServerView[]>(levels.map((level) => [level, []]));
    for (const view of this.#servers.values()) {
      const level = levelOf(view);
      if (this.#onlyProblems && level !== "bad" && level !== "warn") continue;
      if (words.length > 0 && !matches(view, words)) continue;
      byLevel.get(level)?.push(view);
    }
    return [...byLevel.values()].flatMap((views) =>
      views.sort((a, b) => collator.compare(a.server, b.server)),
    );
  }

  /** Puts the items in order. An item that moves would lose the focus. */
  #place(items: readonly HTMLElement[]): void {
    const focused = document.activeElement;
    for (const [index, item] of items.entries()) {
      const current = this.#list.children[index];
      if (current !== item) this.#list.insertBefore(item, current ?? null);
    }
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected)
      focused.focus({ preventScroll: true });
  }

  #showPages(first: number, count: number, total: number, pages: number): void {
    const nav = byId("pages", HTMLElement);
    nav.hidden = pages === 1;
    setText(byId("range", HTMLElement), `${first + 1}–${first + count} of ${total.toLocaleString()}`);
    byId("previous", HTMLButtonElement).disabled = this.#page === 0;
    byId("next", HTMLButtonElement).disabled = this.#page === pages - 1;
    const empty = byId("empty", HTMLElement);
    empty.hidden = total > 0;
    this.#list.hidden = total === 0;
    fill(empty, this.#filter.value === "" ? "No server has a problem." : "No server matches the filter.");
  }
}

function matches(view: ServerView, words: string[]): boolean {
  const { server, state, kid, lastError, history } = view;
  const parts = [server, state, kid, lastError?.code, history?.issuer, isRefused(view) && "refused"];
  const text = parts.filter(Boolean).join(" ").toLowerCase();
  return words.every((word) => text.includes(word));
}

import { byId, setText } from "./elements.js";

/** Milliseconds between two announcements, so that a reader of the screen can follow. */
const interval = 5_000;
/** Changes that are announced one by one. More are announced as their number. */
const most = 3;

let waiting: string[] = [];
let timer = 0;

/** Tells assistive technology about a change of state. Never called for what only ticks. */
export function announce(text: string): void {
  waiting.push(text);
  if (timer === 0) say();
}

function say(): void {
  timer = 0;
  if (waiting.length === 0) return;
  const text = waiting.length > most ? `${waiting.length} servers have changed.` : waiting.join(" ");
  waiting = [];
  setText(byId("announcement", HTMLElement), text);
  timer = setTimeout(say, interval);
}

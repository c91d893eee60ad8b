import { printable } from "../lib/printable.js";
import type { Ask } from "./io.js";

/** Returns the questions of a terminal. Their code is loaded for the first one. */
export function askOnTerminal(signal: AbortSignal): Ask {
  const prompts = async (): Promise<Ask> => (await import("./prompts.js")).createPrompts(signal);
  return {
    confirm: async (...question) => await (await prompts()).confirm(...question),
    text: async (...question) => await (await prompts()).text(...question),
    select: async (...question) => await (await prompts()).select(...question),
  };
}

/** Shows on stderr what the command waits for, until the returned function is called. */
export function showOnTerminal(what: string): () => void {
  let stop: (() => void) | undefined;
  let isOver = false;
  const show = async (): Promise<void> => {
    const { default: createSpinner } = await import("yocto-spinner");
    if (isOver) return;
    // The command handles signals.
    const spinner = createSpinner({ text: printable(what), stream: process.stderr, handleSignals: false });
    spinner.start();
    stop = () => spinner.stop();
  };
  // A spinner that cannot be shown changes nothing.
  show().catch(() => {});
  return () => {
    isOver = true;
    stop?.();
  };
}

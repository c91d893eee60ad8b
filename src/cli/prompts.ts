import type { Key } from "node:readline";
import { setImmediate } from "node:timers/promises";
import * as clack from "@clack/prompts";
import { printable } from "../lib/printable.js";
import { type Ask, Interrupted } from "./io.js";

/** Returns the questions of a terminal. They are shown on stderr, because stdout is for the result. */
export function createPrompts(signal: AbortSignal): Ask {
  const common = { input: process.stdin, output: process.stderr, signal, withGuide: false };
  return {
    async confirm(message, { initial = true } = {}) {
      return await answered(() =>
        clack.confirm({ ...common, message: printable(message), initialValue: initial }),
      );
    },
    async text(message, { initial, validate } = {}) {
      const meant = (typed: string | undefined): string => typed || (initial ?? "");
      return await answered(() =>
        clack.text({
          ...common,
          message: printable(message),
          // An empty answer means what is shown, also after the person has deleted it.
          ...(initial !== undefined && {
            initialValue: initial,
            placeholder: initial,
            defaultValue: initial,
          }),
          ...(validate !== undefined && { validate: (typed) => validate(meant(typed)) }),
        }),
      );
    },
    async select(message, choices) {
      const options = choices.map(({ value, label, hint }) => ({
        value,
        label: printable(label),
        ...(hint !== undefined && { hint: printable(hint) }),
      }));
      return await answered(() => clack.select({ ...common, message: printable(message), options }));
    },
  };
}

const interruptKey = 0x03;

/**
 * Drops what was typed before a question is shown: nobody can answer a question that they have not seen. A line feed
 * that the terminal has kept would also empty the suggested answer.
 */
async function dropTypedAhead(): Promise<void> {
  const { stdin } = process;
  let isInterrupted = false;
  const drop = (chunk: Buffer | string): void => {
    isInterrupted ||= Buffer.from(chunk).includes(interruptKey);
  };
  // Otherwise the terminal keeps a line until Enter.
  stdin.setRawMode(true);
  stdin.on("data", drop);
  // What the terminal has is read in the first of these turns, or the second, because reading starts in the first.
  for (let turn = 0; turn < 3; turn += 1) await setImmediate();
  stdin.off("data", drop);
  stdin.pause();
  if (!isInterrupted) return;
  stdin.setRawMode(false);
  throw new Interrupted();
}

/** Shows a question. Throws `Interrupted` if the person stops the command. */
async function answered<T>(show: () => Promise<T | typeof clack.CANCEL_SYMBOL>): Promise<T> {
  await dropTypedAhead();
  process.stdin.on("keypress", correctKey);
  try {
    const answer = await show();
    if (answer === clack.CANCEL_SYMBOL) throw new Interrupted();
    return answer;
  } finally {
    process.stdin.off("keypress", correctKey);
  }
}

/**
 * Changes a key before the question sees it: a line feed answers as Enter does, and Ctrl+D stops the command as Ctrl+C
 * does. Otherwise the first would empty the answer, and the second would stop reading without an end.
 */
function correctKey(_text: string | undefined, key: Key): void {
  if (key.name === "enter") key.name = "return";
  if (key.ctrl === true && key.name === "d") key.sequence = String.fromCharCode(interruptKey);
}

import * as clack from "@clack/prompts";
import { printable } from "../lib/printable.js";
import { type Ask, Interrupted } from "./io.js";

/** Returns the questions of a terminal. They are shown on stderr, because stdout is for the result. */
export function createPrompts(signal: AbortSignal): Ask {
  const common = { input: process.stdin, output: process.stderr, signal, withGuide: false };
  return {
    async confirm(message) {
      return answered(await clack.confirm({ ...common, message: printable(message) }));
    },
    async text(message, { initial, validate } = {}) {
      const answer = await clack.text({
        ...common,
        message: printable(message),
        ...(initial !== undefined && { initialValue: initial }),
        ...(validate !== undefined && { validate: (typed = "") => validate(typed) }),
      });
      return answered(answer);
    },
    async select(message, choices) {
      const options = choices.map(({ value, label, hint }) => ({
        value,
        label: printable(label),
        ...(hint !== undefined && { hint: printable(hint) }),
      }));
      return answered(await clack.select({ ...common, message: printable(message), options }));
    },
  };
}

function answered<T>(answer: T | typeof clack.CANCEL_SYMBOL): T {
  if (answer === clack.CANCEL_SYMBOL) throw new Interrupted();
  return answer;
}

// The process of a host. It reads a question per line and prints each answer as a line.
import { hangLimit } from "../support/hang-limit.js";
import { startChild } from "./child.mjs";

/** What an error of ours begins with, in whatever the host makes of it. */
const ourMessage = /Server \\*"crm\\*"/;

/**
 * @typedef {object} HostProcess
 * @property {(count: number) => Promise<readonly string[]>} ask asks this number of questions at once, and resolves with
 * what the failed ones were answered
 * @property {() => Promise<{ id: string, shown: string }>} askInVain asks one question, and resolves with what the host
 * printed when it failed
 * @property {(id: string) => boolean} isAnswered whether a question was answered
 * @property {() => number} asked the number of questions so far
 * @property {() => number} minutes the full minutes since the start
 * @property {() => string} printed
 * @property {() => Promise<void>} stop
 */

/**
 * @param {string} node
 * @param {string} program
 * @param {import("./child.mjs").Surroundings} surroundings
 * @returns {HostProcess}
 */
export function startHost(node, program, surroundings) {
  const child = startChild(node, [program], surroundings);
  const started = performance.now();
  let asked = 0;

  const question = () => {
    asked += 1;
    const id = `call-${asked.toString(16).padStart(3, "0")}`;
    child.write(`${id}\n`);
    return id;
  };
  /** Resolves with `undefined` after the answer, or with the text of a failure. */
  const answerTo = (id, since) =>
    child.until(() => {
      const lines = child.printed().slice(since).split("\n");
      if (lines.some((line) => line.trim() === id)) return { failure: undefined };
      const failure = lines.find((line) => line.includes(`FAILED ${id}`));
      return failure === undefined ? undefined : { failure };
    }, hangLimit);

  return {
    asked: () => asked,
    minutes: () => Math.floor((performance.now() - started) / 60_000),
    printed: child.printed,
    stop: child.stop,
    async ask(count) {
      const since = child.printed().length;
      const answers = Array.from({ length: count }, question).map((id) => answerTo(id, since));
      return (await Promise.all(answers)).flatMap(({ failure }) => failure ?? []);
    },
    async askInVain() {
      const since = child.printed().length;
      const id = question();
      await child.until(() => {
        const text = child.printed().slice(since);
        if (text.split("\n").some((line) => line.trim() === id)) throw new Error("The call succeeded.");
        return ourMessage.test(text) || text.includes(`FAILED ${id}`) ? true : undefined;
      }, hangLimit);
      return { id, shown: child.printed().slice(since) };
    },
    isAnswered: (id) =>
      child
        .printed()
        .split("\n")
        .some((line) => line.trim() === id),
  };
}

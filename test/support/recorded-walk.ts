// Records which functions of `src` run between two points, such as a public method and the request that it leads to. A
// test takes a stack wherever the code calls something that the test passed in: `fetch`, the clock, an environment
// variable. V8 follows `await`, but not a promise that several callers share, so one stack does not show the whole
// walk. Stacks of the same walk overlap, so that they can be joined.
import { fileURLToPath } from "node:url";
import type { Clock } from "../../src/lib/clock.js";

/** One function on the way. */
export interface WalkStep {
  /** Relative to the root of the project, such as `src/tokens/cache.ts`. */
  readonly file: string;
  /** As V8 names it, such as `LiveServer.getToken`; `(anonymous)` for a function without a name. */
  readonly name: string;
  /** Line of the call of the next step. */
  readonly line: number;
}

/** The functions of `src` on one stack, the innermost first. */
type Stack = readonly WalkStep[];

const unnamed = "(anonymous)";

const root = fileURLToPath(new URL("../../", import.meta.url));
// "    at async LiveServer.getToken (/…/src/runtime/live-server.ts:98:7)", or without the name and the parentheses.
const frame = /^\s*at (?:async )?(?:(.+) \()?(?:file:\/\/)?(\/[^()]+):(\d+):\d+\)?$/;

/** Takes stacks while `run` runs, and joins them. */
export class WalkRecorder {
  readonly #stacks: Stack[] = [];

  /** Takes the stack of the caller. Call it synchronously in a function that `src` calls. */
  mark(): void {
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 200;
    const { stack = "" } = new Error("mark");
    Error.stackTraceLimit = limit;
    const steps = stepsOf(stack);
    if (steps.length > 0) this.#stacks.push(steps);
  }

  /** Wraps a function so that each call takes a stack. */
  marking<A extends readonly unknown[], R>(call: (...args: A) => R): (...args: A) => R {
    return (...args) => {
      this.mark();
      return call(...args);
    };
  }

  /** Wraps a clock. The code reads the time at many points, so this also shows steps that only forward a call. */
  clock(clock: Clock): Clock {
    return {
      now: this.marking(() => clock.now()),
      setTimeout: (callback, milliseconds) => clock.setTimeout(callback, milliseconds),
    };
  }

  /** Returns a recorder with the stacks so far, so that later calls do not change the walk. */
  copy(): WalkRecorder {
    const copy = new WalkRecorder();
    copy.#stacks.push(...this.#stacks);
    return copy;
  }

  /** Forgets all stacks, so that the next walk starts here. */
  clear(): void {
    this.#stacks.length = 0;
  }

  /** The stack that was taken last, the outermost function first: what a debugger shows at this point. */
  lastStack(): readonly WalkStep[] {
    return (this.#stacks.at(-1) ?? []).toReversed();
  }

  /**
   * The walk to the point of the last stack, the outermost function first. Where that stack ends at a promise that
   * callers share, an earlier stack with the same function shows who called it.
   */
  walk(): readonly WalkStep[] {
    const last = this.#stacks.at(-1);
    if (last === undefined) throw new Error("Nothing of src has called mark().");
    const earlier = this.#stacks.slice(0, -1);
    let steps = withHiddenSteps(last, earlier);
    for (;;) {
      const callers = longest(earlier.map((stack) => callersOf(steps.at(-1), stack)));
      if (callers.length === 0) return steps.toReversed();
      steps = [...steps, ...callers];
    }
  }
}

/** Returns a text with one line for each step, for messages. */
export function printWalk(walk: readonly WalkStep[]): string {
  return walk.map(({ file, name, line }, index) => `${index + 1}. ${name}  ${file}:${line}`).join("\n");
}

function stepsOf(stack: string): Stack {
  return stack.split("\n").flatMap((text) => {
    const [, name = unnamed, path = "", line] = frame.exec(text) ?? [];
    if (!path.startsWith(`${root}src/`)) return [];
    return [{ file: path.slice(root.length), name: plainName(name), line: Number(line) }];
  });
}

/** `Object.getTokenWithRetry [as getToken]` is `getTokenWithRetry`. */
function plainName(name: string): string {
  return name.replace(/ \[as .+\]$/, "").replace(/^Object\./, "");
}

/** Functions without a name are told apart by the line of the call, since one file may have several. */
function isSame(a: WalkStep, b: WalkStep): boolean {
  return a.file === b.file && a.name === b.name && (a.name !== unnamed || a.line === b.line);
}

/** The callers of a function on a stack; none if the function is not on it. */
function callersOf(step: WalkStep | undefined, stack: Stack): Stack {
  const index = stack.findLastIndex((other) => step !== undefined && isSame(step, other));
  return index === -1 ? [] : stack.slice(index + 1);
}

/**
 * Adds what V8 leaves out of an asynchronous stack: functions that returned the promise of another function, and so had
 * ended. They are on the stacks that were taken before.
 */
function withHiddenSteps(stack: Stack, earlier: readonly Stack[]): Stack {
  return stack.flatMap((step, index) => {
    const caller = stack[index + 1];
    if (caller === undefined) return [step];
    const between = earlier.map((other) => {
      const callers = callersOf(step, other);
      const end = callers.findIndex((candidate) => isSame(candidate, caller));
      return end === -1 ? [] : callers.slice(0, end);
    });
    return [step, ...longest(between)];
  });
}

function longest(stacks: readonly Stack[]): Stack {
  return stacks.reduce((a, b) => (b.length > a.length ? b : a), []);
}

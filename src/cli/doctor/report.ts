import type { McpAuthErrorCode } from "../../errors/error.js";
import { printable } from "../../lib/printable.js";
import { detailLines } from "../detail-lines.js";
import { exitCodeOf, exitCodes } from "../exit-code.js";
import type { Printer } from "../print.js";
import { printTried } from "./print-tried.js";
import type { StepResult } from "./server-check.js";
import type { Tried } from "./try-remedies.js";

/** What was checked for one server. */
export interface ServerReport {
  readonly server: string;
  readonly url: string | undefined;
  readonly steps: readonly StepResult[];
  /** What `--try` has done about the first failure. */
  readonly tried?: Tried;
}

/** Characters of the longest name of a step. */
const nameWidth = 17;
/** The times of short messages are below each other. */
const messageWidth = 60;

/** Prints the steps that all servers share. */
export function printShared(steps: readonly StepResult[], print: Printer): void {
  for (const step of steps) printStep(step, print);
  printTodo(steps, print);
}

/** @param cwd paths are shown relative to it */
export function printServer(
  { server, url, steps, tried }: ServerReport,
  print: Printer,
  cwd: string | undefined,
): void {
  print.result(`\n${printable(server)}${url === undefined ? "" : `  ${printable(url)}`}`);
  for (const step of steps) printStep(step, print);
  printTodo(steps, print);
  if (tried !== undefined) printTried(tried, print, cwd);
}

function printStep({ step, verdict, message, ms, details, more = [] }: StepResult, print: Printer): void {
  print.verdict(verdict, `${step.padEnd(nameWidth)}  ${time(message, verdict, ms)}`);
  for (const line of more) print.result(`      ${line}`);
  for (const line of detailLines(details)) print.result(`      a server says ${line}`);
}

function time(message: string, verdict: StepResult["verdict"], ms: number): string {
  return verdict === "skip" ? message : `${message.padEnd(messageWidth)}  ${String(ms).padStart(5)} ms`;
}

function printTodo(steps: readonly StepResult[], print: Printer): void {
  const failed = firstFailure(steps);
  if (failed?.todo !== undefined) print.result(`To do (${failed.step}): ${failed.todo}`);
}

export function firstFailure(steps: readonly StepResult[]): StepResult | undefined {
  return steps.find(({ verdict }) => verdict === "fail");
}

/** Returns the exit code of the first failure. */
export function exitCodeFor(steps: readonly StepResult[]): number {
  const failed = firstFailure(steps);
  return failed === undefined ? exitCodes.done : exitCodeOfFailure(failed.code);
}

function exitCodeOfFailure(code: McpAuthErrorCode | undefined): number {
  return code === undefined ? exitCodes.refused : exitCodeOf(code);
}

/** The reports as JSON. `details` have text of servers. */
export function toJson(shared: readonly StepResult[], servers: readonly ServerReport[]): object {
  const all = [...shared, ...servers.flatMap(({ steps }) => steps)];
  return {
    ok: firstFailure(all) === undefined,
    shared: shared.map(stepJson),
    ...todoJson(shared),
    servers: servers.map(({ server, url, steps, tried }) => ({
      server,
      url,
      ok: firstFailure(steps) === undefined,
      steps: steps.map(stepJson),
      ...todoJson(steps),
      ...tried,
    })),
  };
}

function stepJson({ step, verdict, ms, message, finding, code, details, more }: StepResult): object {
  return { step, verdict, ms, message, finding, code, details, more };
}

function todoJson(steps: readonly StepResult[]): object {
  const failed = firstFailure(steps);
  return failed === undefined ? {} : { todo: { finding: failed.finding, text: failed.todo } };
}

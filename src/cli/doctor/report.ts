import type { McpAuthErrorCode } from "../../errors/error.js";
import { counted } from "../../lib/counted.js";
import { printable } from "../../lib/printable.js";
import { exitCodeOf, exitCodes } from "../exit-code.js";
import type { Printer } from "../print.js";
import { printTried } from "./print-tried.js";
import { detailLines } from "./report-details.js";
import type { StepResult } from "./server-check.js";
import type { Tried } from "./try-remedies.js";

/** What was checked for one server. */
export interface ServerReport {
  readonly server: string;
  readonly url: string | undefined;
  readonly steps: readonly StepResult[];
  /** The endpoints that the config names. */
  readonly configured?: readonly string[];
  /** The command that tries changes of the config, if there are any to try. */
  readonly tryCommand?: string;
  /** What `--try` has done about the first failure. */
  readonly tried?: Tried;
}

/** Characters of the longest name of a step. */
const nameWidth = 17;
/** The times of short messages are below each other. */
const messageWidth = 60;

/** Prints the steps that all servers share, without what to do about them. */
export function printShared(steps: readonly StepResult[], print: Printer): void {
  printSteps(steps, print);
}

/** Prints what is left at the end: what to do about a step that all servers share, or that there are only warnings. */
export function printEnd(
  shared: readonly StepResult[],
  servers: readonly ServerReport[],
  print: Printer,
): void {
  if (firstFailure(shared) !== undefined) {
    if (servers.length > 0) print.result("");
    printTodo(shared, print);
    return;
  }
  if (servers.some(({ steps }) => firstFailure(steps) !== undefined)) return;
  const warnings = [
    ...warned(shared),
    ...servers.flatMap(({ server, steps }) => warned(steps).map((step) => `${step} of ${server}`)),
  ];
  if (warnings.length === 0) return;
  print.result(`\nPassed, with ${counted(warnings.length, "warning")}: ${printable(warnings.join(", "))}.`);
}

function warned(steps: readonly StepResult[]): readonly string[] {
  return steps.filter(({ verdict }) => verdict === "warn").map(({ step }) => step);
}

/** @param cwd paths are shown relative to it */
export function printServer(
  { server, url, steps, tried, tryCommand, configured }: ServerReport,
  print: Printer,
  cwd: string | undefined,
): void {
  print.result(`\n${printable(server)}${url === undefined ? "" : `  ${printable(url)}`}`);
  printSteps(steps, print, configured);
  if (tried !== undefined) printTried(tried, print, cwd);
  // What works is what to do.
  if (tried?.works === undefined) printTodo(steps, print, { configured, text: tried?.todo, tryCommand });
}

function printSteps(steps: readonly StepResult[], print: Printer, configured: readonly string[] = []): void {
  const failed = firstFailure(steps);
  for (const result of steps) {
    const { step, verdict, message, ms, more = [] } = result;
    print.verdict(verdict, `${step.padEnd(nameWidth)}  ${time(message, verdict, ms)}`);
    for (const line of more) print.result(`      ${line}`);
    // Those of the failure are printed below what to do about it, which speaks of them.
    if (result !== failed) for (const line of detailLines(result, configured)) print.result(line);
  }
}

function time(message: string, verdict: StepResult["verdict"], ms: number): string {
  return verdict === "skip" ? message : `${message.padEnd(messageWidth)}  ${String(ms).padStart(5)} ms`;
}

interface TodoOptions {
  readonly configured?: readonly string[] | undefined;
  /** What to do in place of what the failure says. */
  readonly text?: string | undefined;
  readonly tryCommand?: string | undefined;
}

function printTodo(
  steps: readonly StepResult[],
  print: Printer,
  { configured = [], text, tryCommand }: TodoOptions = {},
): void {
  const failed = firstFailure(steps);
  if (failed?.todo === undefined) return;
  const again = isFlawOfSecret(failed.finding) ? " Then run doctor again." : "";
  const attempt = tryCommand === undefined ? "" : ` Or let doctor try: ${printable(tryCommand)}`;
  print.result(`To do (${failed.step}): ${text ?? `${failed.todo}${again}${attempt}`}`);
  for (const line of detailLines(failed, configured)) print.result(line);
}

/** Whether a finding is about something that was copied into a secret by mistake. */
export function isFlawOfSecret(finding: string | undefined): boolean {
  return finding?.startsWith("secret_") === true;
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
      ...todoJson(steps, tried?.todo),
      ...(tried && triedJson(tried)),
    })),
  };
}

function stepJson({ step, verdict, ms, message, finding, code, details, more }: StepResult): object {
  return { step, verdict, ms, message, finding, code, details, more };
}

function todoJson(steps: readonly StepResult[], text?: string): object {
  const failed = firstFailure(steps);
  if (failed === undefined) return {};
  const { finding, candidates, todo } = failed;
  return { todo: { finding, ...(candidates !== undefined && { candidates }), text: text ?? todo } };
}

function triedJson({ tried, works, note }: Tried): object {
  return { tried, works, note };
}

import { AsyncLocalStorage } from "node:async_hooks";
import { chai, describe, type TestContext, test } from "vitest";
import { checkWithoutToken, checkWithToken, recoveryOf } from "./authorization-fault.js";
import { createWorld } from "./create-world.js";
import type { AuthorizationFault, Fault, Group } from "./fault.js";
import { runInWorld } from "./run-in-world.js";

/** A line of the table. */
export interface Line {
  readonly group: Group;
  readonly name: string;
  readonly sees: string;
  readonly requests: string;
  readonly recovery: string;
  /** What a caller with a usable token sees meanwhile; absent if the row describes one caller only. */
  readonly withToken?: string;
}

declare module "vitest" {
  interface TaskMeta {
    line?: Line;
  }
}

// Rows run concurrently and share one `expect`, so the async context tells which row an assertion belongs to.
const assertingRow = new AsyncLocalStorage<{ assertions: number }>();
chai.util.overwriteMethod(
  chai.Assertion.prototype,
  "assert",
  (original: (...args: unknown[]) => unknown) =>
    function (this: unknown, ...args: unknown[]) {
      const row = assertingRow.getStore();
      if (row !== undefined) row.assertions += 1;
      return original.apply(this, args);
    },
);

export function authorizationFaults(group: Group, rows: readonly AuthorizationFault[]): void {
  describe.concurrent(group, () => {
    for (const row of rows) {
      const line: Line = {
        group,
        name: row.name,
        sees: row.sees === "a token" ? row.sees : `\`${row.sees}\``,
        requests: String(row.requests),
        recovery: duration(recoveryOf(row)),
        withToken: row.warm === false ? "no difference" : "its token, at once",
      };
      test(titleOf(line), async (context) => {
        await runCounted(context, line, async () => {
          const callers = [
            checkWithoutToken(group, row),
            ...(row.warm === false ? [] : [checkWithToken(group, row)]),
          ];
          // Both callers must have closed their servers before the row ends.
          for (const outcome of await Promise.allSettled(callers)) {
            if (outcome.status === "rejected") throw outcome.reason;
          }
        });
      });
    }
  });
}

export function faults(group: Group, rows: readonly Fault[]): void {
  describe.concurrent(group, () => {
    for (const row of rows) {
      const { name, sees, requests, recovery } = row;
      const line: Line = { group, name, sees, requests, recovery };
      test(titleOf(line), async (context) => {
        await runInWorld(await createWorld(), (world) => runCounted(context, line, () => row.run(world)));
      });
    }
  });
}

/** The title of a test: what a caller sees of a failure. */
function titleOf({ name, sees }: Line): string {
  return `${name}: the caller sees ${sees}`;
}

/** Runs a row, and adds its line to the table. Fails if the row has made no assertion. */
async function runCounted({ task }: TestContext, line: Line, run: () => Promise<void>): Promise<void> {
  const row = { assertions: 0 };
  await assertingRow.run(row, run);
  if (row.assertions === 0) throw new Error("This row makes no assertion.");
  task.meta.line = line;
}

function duration(milliseconds: number): string {
  if (milliseconds === 0) return "the next call";
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000} h`;
  return milliseconds % 1_000 === 0 ? `${milliseconds / 1_000} s` : `${milliseconds} ms`;
}

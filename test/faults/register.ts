import { AsyncLocalStorage } from "node:async_hooks";
import { chai, describe, type TestContext, test } from "vitest";
import { recoveryOf, withoutToken, withToken } from "./authorization-fault.js";
import { createWorld } from "./create-world.js";
import type { AuthorizationFault, Fault, Group } from "./fault.js";
import { withWorld } from "./left-behind.js";

/** A line of the table. */
export interface Line {
  readonly group: Group;
  readonly name: string;
  readonly sees: string;
  readonly requests: string;
  readonly recovery: string;
  /** What a caller with a usable token sees meanwhile; absent where the row says it all. */
  readonly withToken?: string;
}

declare module "vitest" {
  interface TaskMeta {
    line?: Line;
  }
}

// Rows run side by side and share one `expect`: who asserts is told by where it is called from.
const asserting = new AsyncLocalStorage<{ assertions: number }>();
chai.util.overwriteMethod(
  chai.Assertion.prototype,
  "assert",
  (original: (...args: unknown[]) => unknown) =>
    function (this: unknown, ...args: unknown[]) {
      const row = asserting.getStore();
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
        withToken: row.warm === false ? "nothing of it" : "its token, at once",
      };
      test(row.name, async (context) => {
        await counted(context, line, async () => {
          const callers = [withoutToken(group, row), ...(row.warm === false ? [] : [withToken(group, row)])];
          // Each is to have closed what is its own before the row ends.
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
      test(name, async (context) => {
        await withWorld(await createWorld(), (world) =>
          counted(context, { group, name, sees, requests, recovery }, () => row.run(world)),
        );
      });
    }
  });
}

/** Only a row that has asserted something has a line. */
async function counted({ task }: TestContext, line: Line, run: () => Promise<void>): Promise<void> {
  const row = { assertions: 0 };
  await asserting.run(row, run);
  if (row.assertions === 0) throw new Error("This row asserts nothing.");
  task.meta.line = line;
}

function duration(milliseconds: number): string {
  if (milliseconds === 0) return "the next call";
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000} h`;
  return milliseconds % 1_000 === 0 ? `${milliseconds / 1_000} s` : `${milliseconds} ms`;
}

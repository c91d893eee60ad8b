// Compares random histories of processes, an authorization server and an MCP server with the rule for refused tokens.
// The code is real, from the authorized `fetch` to the store. Only the network and the clock are simulated.
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { histories, runHistory } from "./refusal-model/histories.js";
import type { Figures } from "./refusal-model/world.js";

// `npm run test:model` sets these. The defaults are what `npm test` has time for.
const { MODEL_STEPS, MODEL_SEED, MODEL_PATH } = process.env;
/** The number of steps: calls, requests to both servers, and other events. */
const steps = Number(MODEL_STEPS ?? 2_000);
/** The seed, the same in each `npm test`. */
const seed = Number(MODEL_SEED ?? 20_261_128);
const batch = 50;
/** Enough for a million steps on a busy machine. */
const timeout = 3_600_000;

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeAll(() => void process.on("unhandledRejection", note));
afterAll(() => void process.off("unhandledRejection", note));

const sums = { histories: 0, steps: 0, calls: 0, tokenRequests: 0, withheldCalls: 0 };
const worst = { mostRequestsInAMinute: 0, mostOfTheAllowanceInAMinute: 0, longestRecovery: 0 };

function add(figures: Figures): void {
  sums.histories += 1;
  sums.steps += figures.steps;
  sums.calls += figures.calls;
  sums.tokenRequests += figures.tokenRequests;
  sums.withheldCalls += figures.withheldCalls;
  worst.mostRequestsInAMinute = Math.max(worst.mostRequestsInAMinute, figures.mostRequestsInAMinute);
  worst.mostOfTheAllowanceInAMinute = Math.max(
    worst.mostOfTheAllowanceInAMinute,
    figures.mostOfTheAllowanceInAMinute,
  );
  worst.longestRecovery = Math.max(worst.longestRecovery, figures.longestRecovery);
}

test("in every history a refusal limits token requests, and never calls", { timeout }, async () => {
  const property = fc.asyncProperty(histories, async (history) => add(await runHistory(history)));
  const path = MODEL_PATH === undefined ? {} : { path: MODEL_PATH };
  for (let run = 0; sums.steps < steps; run += 1) {
    await fc.assert(property, { numRuns: batch, seed: seed + run, ...path });
    if (MODEL_PATH !== undefined) break;
  }
  expect(unhandled).toEqual([]);
  expect(sums.withheldCalls).toBe(0);
  if (MODEL_STEPS !== undefined)
    console.log(`seed ${seed}\n${JSON.stringify({ ...sums, ...worst }, null, 2)}`);
});

import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import { printWalk, WalkRecorder } from "../support/recorded-walk.js";
import { ownIssuer, sendToken } from "./harness.js";

/** The most functions that a reader has to step through. */
const deepest = 18;

/** Records the walk from `getAccessToken()` to the `fetch` of the token request, without a store. */
async function recordTokenRequest(): Promise<WalkRecorder> {
  const { config, env, server } = await ownIssuer((_request, response) => sendToken(response, "abc"));
  const recorder = new WalkRecorder();
  let walk: WalkRecorder | undefined;
  const auth = await createMcpAuth({
    config,
    env,
    clock: recorder.clock(systemClock),
    fetch(input, init) {
      if (String(input) === `${server.origin}/token`) {
        recorder.mark();
        walk = recorder.copy();
      }
      return fetch(input, init);
    },
  });
  onTestFinished(() => auth.stop());
  recorder.clear();
  await auth.resolve("tools").getAccessToken();
  if (walk === undefined) throw new Error("There was no token request.");
  return walk;
}

test("a call without a token reaches the token request through at most 18 functions of src", async () => {
  const walk = (await recordTokenRequest()).walk();
  expect(walk[0]).toMatchObject({ name: "ServerTokenManager.getAccessToken" });
  expect(walk.at(-1)?.file).toMatch(/^src\/net\//);
  expect(walk.length, `The walk has these functions:\n${printWalk(walk)}`).toBeLessThanOrEqual(deepest);
});

test("the stack at the token request shows every step from the shared request down", async () => {
  const recorder = await recordTokenRequest();
  const walk = recorder.walk();
  const begin = walk.findIndex(({ name }) => name === "Renewal.join");
  const stack = recorder.lastStack().slice(-(walk.length - begin));
  const names = (steps: typeof walk) => steps.map(({ name }) => name);
  expect(names(stack)).toEqual(names(walk.slice(begin)));
});

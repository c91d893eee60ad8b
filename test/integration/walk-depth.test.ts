import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import { printWalk, WalkRecorder, type WalkStep } from "../support/recorded-walk.js";
import { sendToken, startScriptedIssuer } from "./harness.js";

/** The most functions that a reader steps through, from the public method to the call of `fetch`. */
const deepest = 16;
/** The most of them before the grant is called. */
const deepestToGrant = 9;

/** Records the walk from `getAccessToken()` to the `fetch` of the token request, without a store. */
async function recordTokenRequest(): Promise<WalkRecorder> {
  const { config, env, server } = await startScriptedIssuer((_request, response) =>
    sendToken(response, "abc"),
  );
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

test(`a call without a token reaches the token request through at most ${deepest} functions of src`, async () => {
  const walk = (await recordTokenRequest()).walk();
  expect(walk[0]).toMatchObject({ name: "ServerTokenManager.getAccessToken" });
  expect(walk.at(-1)?.file).toMatch(/^src\/net\//);
  expect(walk.length, `The walk has these functions:\n${printWalk(walk)}`).toBeLessThanOrEqual(deepest);
});

test(`a call without a token reaches its grant through at most ${deepestToGrant} functions of src`, async () => {
  const walk = (await recordTokenRequest()).walk();
  const grant = walk.findIndex(({ name }) => name === "getTokenFromGrant");
  const steps = walk.slice(0, grant + 1);
  expect(steps.at(-1)).toMatchObject({ file: "src/tokens/grant-source.ts" });
  expect(steps.length, `The walk has these functions:\n${printWalk(steps)}`).toBeLessThanOrEqual(
    deepestToGrant,
  );
});

test("the stack at the token request shows every step from the shared request down", async () => {
  const recorder = await recordTokenRequest();
  const fromSharedRequest = (steps: readonly WalkStep[]): readonly WalkStep[] =>
    steps.slice(steps.findIndex(({ name }) => name === "#sendSharedRequest"));
  const stack = fromSharedRequest(recorder.lastStack());
  expect(stack[0]).toMatchObject({ file: "src/tokens/renewal.ts" });
  expect(printWalk(stack)).toBe(printWalk(fromSharedRequest(recorder.walk())));
});

import { describe, expect, test } from "vitest";
import { fail, type Outcome, pass, skip, warn } from "../../../../src/cli/doctor/outcome.js";
import { runServerSteps, timed } from "../../../../src/cli/doctor/run-steps.js";
import type { ServerCheck, ServerStep } from "../../../../src/cli/doctor/server-check.js";
import { McpAuthError } from "../../../../src/errors/error.js";

const never = () => new Promise<never>(() => {});
const { signal } = new AbortController();
// The steps of these tests use nothing else of a server.
const check = { server: { spec: { deadline: 60_000, timeout: 60_000 } } } as ServerCheck;
const failure = new McpAuthError("unavailable", "It is away. Start it.");

function step(name: ServerStep["name"], outcome: Outcome, more: Partial<ServerStep> = {}): ServerStep {
  return { name, run: async () => outcome, ...more };
}

async function run(...steps: ServerStep[]): Promise<readonly string[]> {
  const results = await runServerSteps(steps, check, signal);
  return results.map(({ step: name, verdict, message }) => `${name} ${verdict} ${message}`);
}

describe("the steps of a server", () => {
  test("a step is skipped if one that it needs has failed, and so is what needs the skipped one", async () => {
    const results = await run(
      step("issuer metadata", fail(failure)),
      step("token", pass("ok"), { needs: { "issuer metadata": "no metadata" } }),
      step("claims", pass("ok"), { needs: { token: "no token" } }),
    );
    expect(results).toEqual([
      "issuer metadata fail It is away",
      "token skip no metadata",
      "claims skip no token",
    ]);
  });

  test("a warning stops nothing", async () => {
    const unusual = warn({ id: "x", remedy: "Look." });
    const results = await run(
      step("secrets", unusual),
      step("token", pass("ok"), { needs: { secrets: "no" } }),
    );
    expect(results).toEqual(["secrets warn Look.", "token pass ok"]);
  });

  test("a step that another one only contradicts runs if that one could not run", async () => {
    const stoppedBy = { "resource metadata": "contradiction" };
    const token = step("token", pass("ok"), { stoppedBy });
    expect(await run(step("resource metadata", skip("not reached")), token)).toContain("token pass ok");
    expect(await run(step("resource metadata", fail(failure)), token)).toContain("token skip contradiction");
  });

  test("the report has the order in which steps explain each other, not the one in which they run", async () => {
    expect(await run(step("token", pass("ok")), step("clock", pass("ok")))).toEqual([
      "clock pass ok",
      "token pass ok",
    ]);
  });

  test("a step can be judged again after the others", async () => {
    const reconsider: ServerStep["reconsider"] = (result, all) => ({
      ...result,
      message: String(all.length),
    });
    expect(await run(step("claims", pass("ok"), { reconsider }), step("call", pass("ok")))).toEqual([
      "claims pass 2",
      "call pass ok",
    ]);
  });
});

describe("one step", () => {
  test("that never ends fails with a timeout", async () => {
    const result = await timed("token", never, { signal, limit: 1 });
    expect(result).toMatchObject({ step: "token", verdict: "fail", code: "timeout" });
  });

  test("rejects with aborted as soon as its signal is aborted", async () => {
    const interrupt = new AbortController();
    const running = timed("token", never, { signal: interrupt.signal, limit: 60_000 });
    interrupt.abort();
    await expect(running).rejects.toMatchObject({ code: "aborted" });
  });

  test("that throws something else than an error of ours is a mistake that stays visible", async () => {
    const broken = async () => {
      throw new TypeError("x is not a function");
    };
    await expect(timed("token", broken, { signal, limit: 60_000 })).rejects.toThrow(TypeError);
  });
});

// `doctor` with servers that are in order: it blames nothing, and leaves nothing behind.
import { expect, test } from "vitest";
import { diagnose, runDoctor } from "./doctor.js";
import { startWorld } from "./harness.js";

test("a healthy server passes every step, and the exit code is 0", async () => {
  const world = await startWorld();
  const { code, report, server } = await diagnose(world);
  expect(server.steps.map(({ step, verdict }) => `${verdict} ${step}`)).toEqual([
    ...["pass secrets", "pass key", "pass server", "pass resource metadata", "pass issuer metadata"],
    ...["pass capability", "pass clock", "pass token", "pass claims", "pass call"],
  ]);
  expect(report).toMatchObject({ ok: true, servers: [{ server: "tools", ok: true }] });
  expect(report.todo).toBeUndefined();
  expect(report.shared.map(({ verdict }) => verdict)).toEqual(["pass", "pass"]);
  expect(code).toBe(0);
});

test("without --json, each step is one line with its time", async () => {
  const world = await startWorld();
  const { code, out } = await runDoctor(world);
  expect(out).toMatch(/^pass {2}config {2,}mcp-auth\.config\.json, 1 server {2,}\d+ ms$/m);
  expect(code).toBe(0);
});

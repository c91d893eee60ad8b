import { expect, test } from "vitest";
import { replace } from "../../../src/stores/durable-file.js";

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** Renames that fail with these codes, one after another, before one succeeds. */
function renames(...codes: readonly string[]) {
  const left = [...codes];
  const calls: [string, string][] = [];
  const slept: number[] = [];
  return {
    calls,
    slept,
    move: async (from: string, to: string) => {
      calls.push([from, to]);
      const code = left.shift();
      if (code !== undefined) throw failure(code);
    },
    sleep: async (milliseconds: number) => {
      slept.push(milliseconds);
    },
  };
}

test("a file that another program has open on Windows is replaced as soon as that is possible", async () => {
  const { calls, slept, ...parts } = renames("EPERM", "EBUSY", "EACCES");
  await replace("new", "value", { ...parts, pauses: [1, 2, 3, 4] });
  expect(calls).toEqual(Array.from({ length: 4 }, () => ["new", "value"]));
  expect(slept).toEqual([1, 2, 3]);
});

test("a file that stays open on Windows fails the write after the last attempt", async () => {
  const { calls, ...parts } = renames("EPERM", "EPERM", "EPERM", "EPERM");
  await expect(replace("new", "value", { ...parts, pauses: [1, 2] })).rejects.toThrow("EPERM");
  expect(calls).toHaveLength(3);
});

test("a full disk fails the write at once, and so does any failure where a file may be open", async () => {
  for (const [code, pauses] of [
    ["ENOSPC", [1, 2]],
    ["EPERM", []],
  ] as const) {
    const { calls, ...parts } = renames(code);
    await expect(replace("new", "value", { ...parts, pauses })).rejects.toThrow(code);
    expect(calls).toHaveLength(1);
  }
});

import { afterAll, beforeAll, expect } from "vitest";

/** Asserts, after all tests of a file, that no promise was rejected without anyone to handle it. */
export function assertNoUnhandledRejection(): void {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  beforeAll(() => void process.on("unhandledRejection", note));
  afterAll(() => {
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
}
